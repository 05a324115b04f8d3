"""Common parts of ``tools/knn.py`` and ``tools/probe.py``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.registry import init_default_scope

from mmmim.evaluation.devices import usable_device
from mmmim.evaluation.feature_cache import FeatureCache
from mmmim.evaluation.frozen import FrozenEvaluation
from mmmim.launch.options import load_config
from mmmim.visualization.sources import checkpoint_file


def evaluate(args: argparse.Namespace, name: str, measure: Callable[..., dict[str, Any]]) -> None:
    """Write what ``measure(evaluation, checkpoint)`` gives for the checkpoint and the untrained encoder."""
    cfg = load_config(args.config, args.cfg_options, own_images=args.data is not None)
    init_default_scope(cfg.get("default_scope", "mmmim"))
    checkpoint = None if args.checkpoint == "none" else checkpoint_file(args.checkpoint)
    evaluation = FrozenEvaluation(
        cfg,
        args.data,
        pool=args.pool,
        crop_ratio=args.crop_ratio,
        device=usable_device(args.device),
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
