"""The steps of ``tools/train.py`` and ``tools/test.py``."""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from pathlib import Path

from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.launch import options
from mmmim.launch.data_paths import check_paths
from mmmim.launch.dense_checks import check_dense
from mmmim.launch.prepare import PreparedRun, Settings, prepare
from mmmim.launch.processes import is_first_process, num_processes, setup_launcher
from mmmim.launch.run_lock import check_unfinished, run_lock
from mmmim.launch.runner import build_runner


def train(args: argparse.Namespace) -> None:
    """Train, or print the plan of the training with ``--dry-run``."""
    cfg = options.load_config(args.config, args.cfg_options, args.work_dir, args.data is not None)
    settings = Settings(
        data=args.data,
        checkpoint=args.checkpoint,
        resume=args.resume,
        amp=args.amp,
        accumulate=args.accumulate,
        compile=args.compile,
        epochs=args.epochs,
        iters=args.iters,
        processes=args.world_size or num_processes(args.launcher),
        planned=args.dry_run,
    )
    prepared = prepare(cfg, settings)
    if args.dry_run:
        _print_plan(prepared)
        return
    setup_launcher(prepared.cfg, args.launcher)
    with run_lock(cfg.work_dir) if is_first_process() else nullcontext():
        if is_first_process():
            check_unfinished(cfg.work_dir, bool(prepared.cfg.get("resume")), args.overwrite)
        _train(prepared)


def _train(prepared: PreparedRun) -> None:
    runner = build_runner(prepared.cfg)
    for line in prepared.arithmetic:
        runner.logger.info(line)
    for remark in prepared.remarks_on(len(runner.train_loop.dataloader.dataset)):
        runner.logger.warning(remark)
    runner.train()


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


def _print_plan(prepared: PreparedRun) -> None:
    from mmmim.plan.dry_run import dry_run
    from mmmim.plan.table import describe

    if is_first_process():
        print(describe(dry_run(prepared)))
