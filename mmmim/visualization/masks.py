from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmmim.errors import UsageError, did_you_mean
from mmmim.launch.options import load_config

from .degradations import degraded
from .grid import Column, save_grid
from .options import STRATEGIES
from .pixels import denormalize, grey_out, to_rgb
from .sources import checkpoint_file, load_crops, load_model, normalisation, normalise


def draw(args: Namespace) -> Path:
    """Draw the hidden and visible patches for all checkpoints, strategies and ratios, and return the file."""
    if not args.checkpoints and args.no_untrained:
        raise UsageError("--no-random-init: give at least one CKPT, there is nothing else to draw")
    config = load_config(args.config, args.cfg_options)
    weights = ([] if args.no_untrained else [None]) + args.checkpoints
    groups: list[list[Column]] = []
    labels: list[str] = []
    for ratio in args.ratio or [None]:
        columns: list[Column] = []
        for checkpoint in weights:
            for strategy in args.strategy or [None]:
                config.model.masker = masker_config(config.model.get("masker"), strategy, ratio)
                model: Any = load_model(config, checkpoint, args.seed)
                images = normalise(model, load_crops(config, model, args.images, args.num))
                columns += mask_columns(model, images, column_name(checkpoint, strategy), args, first=not columns)
        groups.append(columns)
        labels += [f"ratio {model.masker.mask_ratio:g}"] * len(columns[0].images)
    joined = [
        Column(same[0].title, [image for column in same for image in column.images], same[0].limits)
        for same in zip(*groups, strict=True)
    ]
    return save_grid(joined, args.out, caption=caption(args), row_labels=labels if args.ratio else ())


def mask_columns(model: Any, images: Tensor, name: str, args: Namespace, first: bool) -> list[Column]:
    """Return the columns of one set of weights under one strategy; the originals come ``first``."""
    columns = [Column("original", to_rgb(denormalize(images, *normalisation(model))))] if first else []
    images = degraded(model, images, args.seed)
    masks = draw_masks(model, images, max(1, args.draws), args.seed)  # (draws,B,h,w)
    columns += set_columns(denormalize(images, *normalisation(model)), masks[0], name)
    scores = patch_scores(model, images)
    if args.scores and scores is not None:
        columns.append(score_column(scores, model.backbone.grid(images), name))
    if args.draws:
        columns.append(probability_column(masks, name))
    return columns


def column_name(checkpoint: str | None, strategy: str | None) -> str:
    """Return the title of the columns of one checkpoint under one strategy."""
    if checkpoint is None:
        weights = "untrained"
    else:
        weights = checkpoint_file(checkpoint).stem
        if Path(checkpoint).is_dir():
            weights = f"{Path(checkpoint).resolve().name}, {weights}"
    return f"{weights}\n{strategy}" if strategy else weights


def caption(args: Namespace) -> str:
    """Return the caption that explains the chosen columns."""
    parts = ["Masked set: what has to be predicted; visible set: what the encoder sees."]
    if args.scores:
        parts.append("Score: attention of the class token, each image over its own range, bright = important.")
    if args.draws:
        parts.append(f"P(masked): share of {args.draws} draws in which a patch was hidden.")
    return " ".join(parts)


def masker_config(masker: Mapping[str, Any] | None, strategy: str | None, ratio: float | None) -> dict[str, Any] | None:
    """Return the masker's config with another strategy or mask ratio; the same type keeps its other arguments."""
    settings = None if masker is None else dict(masker)
    if strategy is not None:
        if strategy not in STRATEGIES:
            raise UsageError(
                f"--strategy {strategy}: choose one of {', '.join(STRATEGIES)}{did_you_mean(strategy, STRATEGIES)}"
            )
        chosen = STRATEGIES[strategy]
        same = settings is not None and str(settings["type"]).rpartition(".")[2] == chosen["type"].rpartition(".")[2]
        kept = settings or {}
        settings = {**(kept if same else {k: v for k, v in kept.items() if k == "mask_ratio"}), **chosen}
    if settings is not None and ratio is not None:
        settings["mask_ratio"] = ratio
    return settings


@torch.no_grad()
def patch_scores(model: Any, images: Tensor) -> Tensor | None:
    """Return log-scores ``(B, N)`` where the model's masker needs them, otherwise None."""
    if model.masker is None or not model.masker.needs_scores:
        return None
    return model.score_patches(model.backbone.embed(images))


@torch.no_grad()
def draw_masks(model: Any, images: Tensor, draws: int, seed: int = 0) -> Tensor:
    """Return the masks ``(draws, B, h, w)`` bool of iterations 0, 1, ... under ``seed``; True means hidden."""
    scores = patch_scores(model, images)
    masks = []
    for iteration in range(draws):
        model.set_step(seed, iteration)
        drawn = model.draw_picture_mask(images) if scores is None else model.draw_mask(images, scores=scores)
        if drawn is None:
            raise UsageError("config: the model has no masker, so it hides nothing; give one or use reconstruction")
        masks.append(drawn.mask)
    return torch.stack(masks)


def set_columns(original: Tensor, mask: Tensor, name: str) -> list[Column]:
    """Return the columns of the masked and of the visible set; the other patches are grey.

    Args:
        original: ``(B, C, H, W)`` in [0, 1].
    """
    return [
        Column(f"{name}\nmasked set", to_rgb(grey_out(original, ~mask))),
        Column(f"{name}\nvisible set", to_rgb(grey_out(original, mask))),
    ]


def probability_column(masks: Tensor, name: str) -> Column:
    """Return a column that shows how often each patch was hidden in ``masks (draws, B, h, w)``."""
    share = masks.float().mean(0).cpu().numpy()  # (B,h,w)
    return Column(f"{name}\nP(masked), {len(masks)} draws", list(share), limits=(0.0, 1.0))


def score_column(scores: Tensor, grid: tuple[int, int], name: str) -> Column:
    """Return a column of log-scores ``(B, N)``; each image has its own colour range, bright means important."""
    maps: list[np.ndarray] = list(scores.unflatten(1, grid).float().cpu().numpy())
    return Column(f"{name}\nscore", maps)
