"""The work of ``tools/test.py``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.launch import options
from mmmim.launch.data_paths import check_paths
from mmmim.launch.dense_checks import check_dense
from mmmim.launch.process import is_first_process
from mmmim.launch.processes import setup_launcher
from mmmim.launch.runner import build_runner


def test(args: argparse.Namespace) -> None:
    """Evaluate a checkpoint, print the metrics and write them as JSON."""
    cfg = options.load_config(args.config, args.cfg_options, args.work_dir, args.data is not None)
    if any(cfg.get(key) is None for key in ("test_dataloader", "test_cfg", "test_evaluator")):
        raise UsageError(
            f"{args.config} has nothing to test: it needs test_dataloader, test_cfg and test_evaluator; a pre-trained "
            "backbone is evaluated through a probing or fine-tuning config"
        )
    cfg = options.use_data(cfg, args.data)
    cfg.load_from = options.existing_checkpoint(args.checkpoint, "checkpoint")
    cfg.resume = False
    options.use_checkpoint(cfg, None if options.checkpoint_slot(cfg) is None else "none")
    if args.tta:
        use_tta(cfg)
    check_paths(cfg, ("test_dataloader",))
    check_dense(cfg, ("test_dataloader",))
    for key in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        cfg.pop(key, None)
    setup_launcher(cfg, args.launcher)
    metrics = build_runner(cfg).test()
    if is_first_process():
        out = Path(args.out or Path(cfg.work_dir, "test_metrics_tta.json" if args.tta else "test_metrics.json"))
        out.parent.mkdir(parents=True, exist_ok=True)
        numbers = {name: float(value) for name, value in metrics.items()}
        out.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
        for name, value in numbers.items():
            print(f"{name}: {value:.4f}")
        print(f"written to {out}")


def use_tta(cfg: Config) -> None:
    """Make the config test every image as ``tta_pipeline`` varies it, with ``tta_model`` merging the predictions.

    Raises:
        UsageError: The config has no such keys.
    """
    missing = [key for key in ("tta_model", "tta_pipeline") if cfg.get(key) is None]
    if missing:
        raise UsageError(
            f"--tta: this config has no {' and no '.join(missing)}, which say how to vary the test images and how to "
            "merge the predictions; configs/_base_/datasets/ade20k.py has both, for segmentation"
        )
    dataset = cfg.test_dataloader.dataset
    while "pipeline" not in dataset:
        dataset = dataset.dataset
    dataset.pipeline = cfg.tta_pipeline
    cfg.model = dict(cfg.tta_model, module=cfg.model)
