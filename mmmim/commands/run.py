"""What ``tools/train.py`` and ``tools/test.py`` do, step by step."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmmim.engine.sharding import is_sharded
from mmmim.errors import UsageError
from mmmim.launch import options
from mmmim.launch.building import CheckedRunner
from mmmim.launch.data_paths import check_paths
from mmmim.launch.dense_checks import check_dense
from mmmim.launch.lr_scaling import scale_lr
from mmmim.launch.processes import is_first_process, num_processes, setup_launcher
from mmmim.launch.run_length import check_loops, length_warnings, use_length
from mmmim.launch.schedule import warmup_warnings
from mmmim.launch.sharded_runner import ShardedRunner

# Lines of MMEngine, one per parameter or about its own renamed classes.
NOT_NEWS = ("paramwise_options", '"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def train(args: argparse.Namespace) -> None:
    """Train, or plan the training with ``--dry-run``."""
    cfg = options.load_config(args.config, args.cfg_options, args.work_dir, args.data is not None)
    if any(cfg.get(key) is None for key in ("train_dataloader", "train_cfg", "optim_wrapper")):
        raise UsageError(f"{args.config} does not train: it needs train_dataloader, train_cfg and optim_wrapper")
    cfg = _with_data(cfg, args.data)
    options.use_accumulation(cfg, args.accumulate)
    options.use_amp(cfg, args.amp)
    use_length(cfg, args.epochs, args.iters)
    check_loops(cfg)
    options.use_resume(cfg, args.resume)
    if args.dry_run:
        _plan(cfg, args)
        return
    options.use_checkpoint(cfg, args.checkpoint)
    check_paths(cfg, ("train_dataloader", "val_dataloader", "custom_hooks"))
    doubts = check_dense(cfg, ("train_dataloader", "val_dataloader"))
    scaling = scale_lr(cfg, num_processes(args.launcher))
    remarks = [*options.fit_to_device(cfg), *scaling.warnings, *length_warnings(cfg), *doubts]
    setup_launcher(cfg, args.launcher)
    runner = _runner(cfg)
    for line in scaling.lines:
        runner.logger.info(line)
    images = len(runner.train_loop.dataloader.dataset)
    for remark in (*remarks, *warmup_warnings(cfg, images, scaling.batch)):
        runner.logger.warning(remark)
    runner.train()


def test(args: argparse.Namespace) -> None:
    """Evaluate a checkpoint; print the metrics and write them as JSON."""
    cfg = options.load_config(args.config, args.cfg_options, args.work_dir, args.data is not None)
    if any(cfg.get(key) is None for key in ("test_dataloader", "test_cfg", "test_evaluator")):
        raise UsageError(
            f"{args.config} has nothing to test: it needs test_dataloader, test_cfg and test_evaluator; a pre-trained "
            "backbone is evaluated through a probing or fine-tuning config"
        )
    cfg = _with_data(cfg, args.data)
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
    metrics = _runner(cfg).test()
    if is_first_process():
        out = Path(args.out or Path(cfg.work_dir, "test_metrics_tta.json" if args.tta else "test_metrics.json"))
        out.parent.mkdir(parents=True, exist_ok=True)
        numbers = {name: float(value) for name, value in metrics.items()}
        out.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
        for name, value in numbers.items():
            print(f"{name}: {value:.4f}")
        print(f"written to {out}")


def use_tta(cfg: Config) -> None:
    """Test every image as ``tta_pipeline`` varies it and let ``tta_model`` merge the predictions.

    Raises:
        UsageError: the config has no such keys.
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


def _plan(cfg: Config, args: argparse.Namespace) -> None:
    from mmmim.plan.dry_run import dry_run
    from mmmim.plan.table import describe

    if args.checkpoint is not None:
        options.use_checkpoint(cfg, args.checkpoint)
    doubts = check_dense(cfg, ("train_dataloader", "val_dataloader"))
    processes = args.world_size or num_processes(args.launcher)
    if is_first_process():
        print(describe(dry_run(cfg, processes), cfg))
        for doubt in doubts:
            print(f"note: {doubt}")


def _with_data(cfg: Config, folder: str | None) -> Config:
    if folder is None:
        return cfg
    from mmmim.datasets.data_option import use_folder

    return use_folder(cfg, folder)


def _runner(cfg: Config) -> Runner:
    kind = ShardedRunner if is_sharded(cfg.get("model_wrapper_cfg")) else CheckedRunner
    runner = RUNNERS.build(cfg) if "runner_type" in cfg else kind.from_cfg(cfg)
    runner.logger.addFilter(lambda record: not str(record.msg).startswith(NOT_NEWS))
    return runner
