"""The console of a run: one screen about what it will do. MMEngine's details are in the file of the log."""

from __future__ import annotations

import logging

from mmengine.runner import Runner

from mmmim.launch.run_record import RunRecord

# Beginnings and ends of records that go to the file alone: they are long, or say what holds for every run.
DETAILS = (
    "\n------------------------------------------------------------\nSystem environment",
    "Config:\n",
    "Hooks will be executed in the following order",
    "Distributed training is not used, all SyncBatchNorm",
    "Checkpoints will be saved to",
    "Exp name: ",
)
FROZEN = " is skipped since its requires_grad=False"
# Beginnings of records that say nothing about the run: one per parameter, and on renamed classes of MMEngine.
NOTHING = ("paramwise_options", '"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def quieten(logger: logging.Logger) -> None:
    """Let the console leave out what is in the log's file, and both leave out what says nothing."""
    logger.addFilter(lambda record: not str(record.msg).startswith(NOTHING))
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.addFilter(lambda record: not _is_detail(str(record.msg)))


def announce(runner: Runner, record: RunRecord) -> None:
    """Log in one screen what is trained, on what, for how long, and where the results go."""
    width = max(map(len, record.facts))
    lines = [f"  {name:{width}}  {text}" for name, text in record.facts.items()]
    runner.logger.info("\n".join([f"training {record.config or 'a config'}", *lines]))


def _is_detail(message: str) -> bool:
    return message.startswith(DETAILS) or message.endswith(FROZEN)
