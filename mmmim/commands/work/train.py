"""The work of ``tools/train.py``."""

from __future__ import annotations

import argparse

from mmmim.launch import options
from mmmim.launch.monitors import Monitors
from mmmim.launch.prepare import PreparedRun, Settings, prepare
from mmmim.launch.process import is_first_process
from mmmim.launch.processes import num_processes
from mmmim.launch.run_prepared import run_prepared


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
        log=args.log,
        epochs=args.epochs,
        iters=args.iters,
        monitors=Monitors(args.knn, args.probe, args.rankme, args.pictures, args.monitor_interval, args.monitor_images),
        processes=args.world_size or num_processes(args.launcher),
        planned=args.dry_run,
    )
    prepared = prepare(cfg, settings)
    if args.dry_run:
        _print_plan(prepared)
        return
    run_prepared(prepared, args.launcher, args.overwrite)


def _print_plan(prepared: PreparedRun) -> None:
    from mmmim.plan.dry_run import dry_run
    from mmmim.plan.table import describe

    if is_first_process():
        print(describe(dry_run(prepared)))
