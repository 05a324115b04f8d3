"""Pictures of a pre-training run; everything is drawn without a display.

    python tools/visualize.py reconstruction CONFIG CKPT --images DIR --out rec.png
    python tools/visualize.py masks CONFIG CKPT [CKPT ...] --strategy importance_sampling importance --out masks.png
    python tools/visualize.py recovery RUN [RUN ...] --masks own most object --out recovery.png
    python tools/visualize.py losses RUN [RUN ...] --out losses.png

CKPT is a .pth file or the work directory of a run (its newest checkpoint), RUN a work directory or a scalars.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from mmengine.config import DictAction
from torch import nn

from mmmim.engine.errors import UsageError
from mmmim.engine.run_options import load_config
from mmmim.visualization.curves import read_curve, save_curves
from mmmim.visualization.grid import Column, save_grid
from mmmim.visualization.masks import (
    STRATEGIES,
    draw_masks,
    masker_config,
    patch_scores,
    probability_column,
    score_column,
    set_columns,
)
from mmmim.visualization.pixels import denormalize, to_rgb
from mmmim.visualization.reconstruction import reconstruction_columns
from mmmim.visualization.recovery import MASKS, load_objects, recovery_columns, run_config
from mmmim.visualization.sources import TOY, checkpoint_file, load_images, load_model, normalisation, normalise


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pictures = parser.add_subparsers(dest="picture", required=True)
    images = argparse.ArgumentParser(add_help=False)
    images.add_argument("--images", default=TOY, metavar="DIR", help="image folder, or 'toy' for the built-in data")
    images.add_argument("--num", type=int, default=8, help="number of images (default: 8)")
    images.add_argument("--seed", type=int, default=0, help="of the masks and of untrained weights (default: 0)")
    images.add_argument("--cfg-options", nargs="+", action=DictAction, default={}, help="key=value changes to CONFIG")

    rec = pictures.add_parser("reconstruction", parents=[images], help="original, masked input, reconstruction")
    rec.add_argument("config")
    rec.add_argument("checkpoint", metavar="CKPT")
    rec.add_argument("--out", required=True, metavar="FILE.png")

    masks = pictures.add_parser("masks", parents=[images], help="which patches are hidden, as training goes on")
    masks.add_argument("config")
    masks.add_argument("checkpoints", nargs="*", metavar="CKPT")
    masks.add_argument("--ratio", type=float, nargs="+", help="mask ratios, one group of rows each (default: CONFIG's)")
    masks.add_argument("--strategy", nargs="+", metavar="NAME", help=f"of {', '.join(STRATEGIES)} (default: CONFIG's)")
    masks.add_argument("--scores", action="store_true", help="add the score of every patch")
    masks.add_argument("--draws", type=int, default=0, help="add P(masked), averaged over so many draws (64)")
    masks.add_argument("--no-untrained", action="store_true", help="leave out the columns of the untrained weights")
    masks.add_argument("--out", required=True, metavar="FILE.png")

    recovery = pictures.add_parser("recovery", help="hidden areas as several runs recover them")
    recovery.add_argument("runs", nargs="+", metavar="RUN")
    recovery.add_argument("--masks", nargs="+", choices=MASKS, default=["own"], help="which areas to hide")
    recovery.add_argument("--images", default=TOY, metavar="DIR", help="image folder, or 'toy' for the built-in data")
    recovery.add_argument(
        "--objects", default=TOY, metavar="DIR", help="masks of the objects in the images, 0 = ground"
    )
    recovery.add_argument("--num", type=int, default=4, help="number of images (default: 4)")
    recovery.add_argument("--names", nargs="+", help="one name per run (default: its folder's)")
    recovery.add_argument("--whole", action="store_true", help="show the prediction of visible areas, too")
    recovery.add_argument("--seed", type=int, default=0, help="of the masks (default: 0)")
    recovery.add_argument("--out", required=True, metavar="FILE.png")

    losses = pictures.add_parser("losses", help="a loss over the epochs of several runs")
    losses.add_argument("runs", nargs="+", metavar="RUN")
    losses.add_argument("--key", help="scalar to draw (default: loss_reconstruction, or loss)")
    losses.add_argument("--by", choices=("epoch", "iter"), default="epoch")
    losses.add_argument("--names", nargs="+", help="one name per run (default: its folder's)")
    losses.add_argument("--title", default="")
    losses.add_argument("--out", required=True, metavar="FILE.png")
    return parser.parse_args(argv)


def images_for(model: nn.Module, args: argparse.Namespace) -> torch.Tensor:
    backbone: Any = model.backbone
    return load_images(args.images, backbone.img_size, backbone.in_channels, args.num)


def draw_reconstruction(args: argparse.Namespace) -> Path:
    model: Any = load_model(load_config(args.config, args.cfg_options), args.checkpoint, args.seed)
    model.set_step(args.seed, 0)
    with torch.no_grad():
        prediction = model(normalise(model, images_for(model, args)), mode="predict")
    patch_statistics = getattr(model.target_generator, "norm_pix", "none") != "none"
    columns, caption = reconstruction_columns(prediction, *normalisation(model), patch_statistics)
    return save_grid(columns, args.out, caption=caption)


def draw_masks_figure(args: argparse.Namespace) -> Path:
    if not args.checkpoints and args.no_untrained:
        raise UsageError("--no-untrained: give at least one CKPT, there is nothing else to draw")
    config = load_config(args.config, args.cfg_options)
    weights = ([] if args.no_untrained else [None]) + args.checkpoints
    ratios = args.ratio or [None]
    groups: list[list[Column]] = []
    labels: list[str] = []
    for ratio in ratios:
        columns: list[Column] = []
        for checkpoint in weights:
            for strategy in args.strategy or [None]:
                settings = masker_config(config.model.get("masker"), strategy, ratio)
                config.model.masker = settings
                model: Any = load_model(config, checkpoint, args.seed)
                columns += mask_columns(model, column_name(checkpoint, strategy), args, first=not columns)
        groups.append(columns)
        labels += [f"ratio {model.masker.mask_ratio:g}"] * len(columns[0].images)
    joined = [
        Column(same[0].title, [image for column in same for image in column.images], same[0].limits)
        for same in zip(*groups, strict=True)
    ]
    return save_grid(joined, args.out, caption=mask_caption(args), row_labels=labels if args.ratio else ())


def mask_columns(model: Any, name: str, args: argparse.Namespace, first: bool) -> list[Column]:
    images = normalise(model, images_for(model, args))
    original = denormalize(images, *normalisation(model))
    masks = draw_masks(model, images, max(1, args.draws), args.seed)  # (draws,B,h,w)
    columns = [Column("original", to_rgb(original))] if first else []
    columns += set_columns(original, masks[0], name)
    scores = patch_scores(model, images)
    if args.scores and scores is not None:
        columns.append(score_column(scores, model.backbone.grid(images), name))
    if args.draws:
        columns.append(probability_column(masks, name))
    return columns


def column_name(checkpoint: str | None, strategy: str | None) -> str:
    if checkpoint is None:
        weights = "untrained"
    else:
        weights = checkpoint_file(checkpoint).stem
        if Path(checkpoint).is_dir():
            weights = f"{Path(checkpoint).resolve().name}, {weights}"
    return f"{weights}\n{strategy}" if strategy else weights


def mask_caption(args: argparse.Namespace) -> str:
    parts = ["Masked set: what has to be predicted; visible set: what the encoder sees."]
    if args.scores:
        parts.append("Score: attention of the class token, each image over its own range, bright = important.")
    if args.draws:
        parts.append(f"P(masked): share of {args.draws} draws in which a patch was hidden.")
    return " ".join(parts)


def draw_recovery(args: argparse.Namespace) -> Path:
    names = run_names(args)
    columns: list[Column] = []
    for run, name in zip(args.runs, names, strict=True):
        model: Any = load_model(load_config(str(run_config(run)), {}), run, args.seed)
        shown = images_for(model, args)
        images, objects = normalise(model, shown), None
        if any(kind != "own" for kind in args.masks):
            objects = load_objects(args.objects, args.images, model.backbone.img_size, len(images))
        if not columns:
            original = to_rgb(denormalize(images, *normalisation(model)))
            columns.append(Column("original", [image for image in original for _ in args.masks]))
        columns += recovery_columns(
            model, images, objects, args.masks, name or Path(run).resolve().name, args.whole, args.seed
        )
    labels = [MASKS[kind] for _ in range(len(images)) for kind in args.masks] if len(args.masks) > 1 else ()
    return save_grid(columns, args.out, row_labels=labels)


def run_names(args: argparse.Namespace) -> list[str | None]:
    names = args.names or [None] * len(args.runs)
    if len(names) != len(args.runs):
        raise UsageError(f"--names: {len(args.runs)} runs, got {len(names)} names")
    return names


def draw_losses(args: argparse.Namespace) -> Path:
    names = run_names(args)
    curves = [read_curve(run, args.key, args.by, name) for run, name in zip(args.runs, names, strict=True)]
    return save_curves(curves, args.out, x_label="epoch" if args.by == "epoch" else "iteration", title=args.title)


PICTURES = dict(reconstruction=draw_reconstruction, masks=draw_masks_figure, recovery=draw_recovery, losses=draw_losses)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        path = PICTURES[args.picture](args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
