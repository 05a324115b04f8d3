"""What ``tools/knn.py`` and ``tools/probe.py`` have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import DictAction
from mmengine.registry import init_default_scope

from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.frozen import FrozenEvaluation
from mmmim.launch.options import load_config
from mmmim.visualization.sources import checkpoint_file


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that both tools have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config of the pre-training run, or of a classifier")
    parser.add_argument("checkpoint", metavar="CKPT", help=".pth file, work directory of a run, or none")
    parser.add_argument("--data", metavar="DIR", help="labelled folder (default: the config's data)")
    parser.add_argument("--random-init", action="store_true", help="also evaluate the untrained encoder")
    parser.add_argument(
        "--pool",
        choices=("avg", "cls"),
        help="feature of an image (default: as a classifier's config says, otherwise avg)",
    )
    parser.add_argument(
        "--crop-ratio", type=float, help="default: as the config's val_dataloader, else 0.875, or 1 below 128 pixels"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the untrained encoder (default: 0)")
    parser.add_argument("--batch-size", type=int, help="images at a time (default: 32 on a CPU, otherwise 256)")
    parser.add_argument(
        "--workers",
        type=int,
        help="processes that read images, and on a CPU encode them (default: one per core)",
    )
    parser.add_argument("--amp", action="store_true", help="run the encoder in bfloat16: faster, less exact")
    parser.add_argument("--cache", metavar="DIR", help="where features are kept (default: ~/.cache/mmmim/features)")
    parser.add_argument("--no-cache", action="store_true", help="compute all features, and keep none")
    parser.add_argument(
        "--num-test", type=int, help="toy data: number of test images (default: val_dataloader's, or 1024)"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", metavar="FILE.json", help="default: beside the checkpoint, or in work_dirs/CONFIG")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={}, help="key=value changes to CONFIG")
    return parser


def evaluate(args: argparse.Namespace, name: str, measure: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Write and return what ``measure(evaluation, checkpoint)`` gives for the checkpoint and the untrained encoder."""
    cfg = load_config(args.config, args.cfg_options, own_images=args.data is not None)
    init_default_scope(cfg.get("default_scope", "mmmim"))
    checkpoint = None if args.checkpoint == "none" else checkpoint_file(args.checkpoint)
    evaluation = FrozenEvaluation(
        cfg,
        args.data,
        pool=args.pool,
        crop_ratio=args.crop_ratio,
        device=args.device,
        batch_size=args.batch_size,
        num_workers=args.workers,
        num_test=args.num_test,
        amp=args.amp,
        cache=None if args.no_cache else FeatureCache(args.cache),
    )
    train, test = evaluation.datasets
    result: dict[str, Any] = dict(
        config=args.config,
        checkpoint=None if checkpoint is None else str(checkpoint),
        data=args.data,
        pool=evaluation.pool,
        num_train=len(train),  # type: ignore[arg-type]
        num_test=len(test),  # type: ignore[arg-type]
        num_classes=len(train.classes),  # type: ignore[attr-defined]
    )
    print("{num_train} training and {num_test} test images, {num_classes} classes, pool {pool}".format(**result))
    untrained = checkpoint is None or args.random_init
    if untrained:
        evaluation.expect(None, range(args.seed, args.seed + getattr(args, "seeds", 1)))
    if checkpoint is not None:
        result["pretrained"] = measure(evaluation, checkpoint)
    if untrained:
        result["random_init"] = measure(evaluation, None)
    out = Path(args.out or (Path(cfg.work_dir) if checkpoint is None else checkpoint.parent) / f"{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {out}")
    return result
