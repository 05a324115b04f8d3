from __future__ import annotations

from contextlib import nullcontext

from mmmim.launch.console import announce
from mmmim.launch.prepare import PreparedRun
from mmmim.launch.process import is_first_process
from mmmim.launch.processes import setup_launcher
from mmmim.launch.run_lock import check_unfinished, run_lock
from mmmim.launch.run_record import command_line, record_of, write_record
from mmmim.launch.runner import build_runner


def run_prepared(
    prepared: PreparedRun, launcher: str = "none", overwrite: bool = False, command: str | None = None
) -> None:
    """Train a prepared run in this process.

    Args:
        launcher: What started this process: ``none``, ``pytorch`` or ``slurm``.
        overwrite: Delete the checkpoints of an unfinished run in the work directory.
        command: What starts the run again, for its record. Default: the command line of this process.

    Raises:
        UsageError: Another run trains in this folder, or an unfinished one is there.
    """
    cfg = prepared.cfg
    setup_launcher(cfg, launcher)
    with run_lock(cfg.work_dir) if is_first_process() else nullcontext():
        if is_first_process():
            check_unfinished(cfg.work_dir, bool(cfg.get("resume")), overwrite)
        runner = build_runner(cfg)
        if is_first_process():
            record = record_of(runner, prepared, command or command_line(runner.world_size))
            write_record(record, runner.log_dir)
            announce(runner, record)
        for remark in prepared.remarks_on(len(runner.train_loop.dataloader.dataset)):
            runner.logger.warning(remark)
        runner.train()
