"""Record every start of a run in a ``run.json`` beside its log, for the report and for whoever repeats the run."""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.called import as_called, program
from mmmim.config.origin import Origin, origins
from mmmim.environment import code_commit, device_names, processor, versions
from mmmim.errors import UsageError
from mmmim.launch.prepare import PreparedRun

RECORD = "run.json"
OPTIONS = "command line"


@dataclass(frozen=True)
class RunRecord:
    """One start of a run.

    Attributes:
        command: What starts it again.
        config: The config file, or nothing where it was built in Python.
        started: Date and time in ISO 8601, UTC.
        facts: Model, data, batch, lr, length, device, results, by name.
        origins: Where each value of the config comes from; see :func:`~mmmim.config.origin.origins`.
        commit: Of the code, with ``+`` where it was changed; None outside a clone.
        versions: Of Python and packages.
        machine: Processor, cores, devices.
    """

    command: str
    config: str = ""
    started: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, Any] = field(default_factory=dict)
    commit: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)


def record_of(runner: Runner, prepared: PreparedRun, command: str) -> RunRecord:
    """Return the record of a run that is about to start."""
    cfg = prepared.cfg
    return RunRecord(
        command=command,
        config=str(cfg.filename or ""),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        facts=dict(run_facts(runner, prepared)),
        origins=effective_origins(cfg),
        commit=code_commit(),
        versions=versions(),
        machine=dict(processor=processor(), cores=os.cpu_count(), devices=device_names()),
    )


def write_record(record: RunRecord, folder: str | Path) -> Path:
    """Write the record into the folder of a start (``WORK_DIR/<timestamp>``) and return the file."""
    file = Path(folder) / RECORD
    file.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    return file


def read_record(folder: str | Path) -> RunRecord | None:
    """Return the record in the folder of a start, or None where there is no whole one.

    Raises:
        UsageError: The file was not written by mmmim.
    """
    file = Path(folder) / RECORD
    try:
        return RunRecord(**json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    except TypeError:
        raise UsageError(f"{file}: no record of a run of mmmim; delete it, or give another RUN") from None


def newest_record(run: str | Path) -> RunRecord | None:
    """Return the record of the last start below a work directory, or None where no start left one."""
    folders = sorted((file.parent for file in Path(run).glob(f"**/{RECORD}")), reverse=True)
    return next((record for folder in folders if (record := read_record(folder)) is not None), None)


def command_line(processes: int) -> str:
    """Return the command that called this process, or that started it and others with ``tools/dist_train.sh``."""
    words = sys.argv[1:]
    if processes > 1:
        words = [word for word in words if not word.startswith("--launcher") and word not in ("pytorch", "slurm")]
        config, *options = words or [""]
        return as_called(f"bash tools/dist_train.sh {shlex.join([config, str(processes), *options])}")
    called = program()
    return f"{'' if ' ' in called else 'python '}{called} {shlex.join(words)}".strip()


def run_facts(runner: Runner, prepared: PreparedRun) -> Iterator[tuple[str, str]]:
    """Yield what is trained, on what, for how long and where the results go, a name and a text each."""
    cfg, batch = prepared.cfg, prepared.batch
    dataset: Any = runner.train_loop.dataloader.dataset
    model: Any = getattr(runner.model, "module", runner.model)
    backbone = getattr(model, "backbone", model)
    whole, encoder = (sum(parameter.numel() for parameter in each.parameters()) for each in (model, backbone))
    yield (
        "model",
        f"{type(model).__name__}, {_millions(whole)} parameters; {type(backbone).__name__} {_millions(encoder)}",
    )
    yield "data", f"{len(dataset):,} of {type(getattr(dataset, 'dataset', dataset)).__name__}"
    yield "batch", str(batch)
    yield "lr", "; ".join(line.removeprefix("lr ") for line in prepared.arithmetic)
    schedule = prepared.schedule(len(dataset))
    length = "" if schedule.epochs is None else f"{schedule.epochs:.4g} epochs, "
    yield "length", f"{length}{schedule.iterations or 0:,} steps"
    device = next(iter(model.parameters())).device.type
    yield "device", f"{device}, {str(prepared.precision).removeprefix('torch.')}"
    yield "results", str(cfg.work_dir)
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            yield "details", f"{os.path.relpath(handler.baseFilename)}: versions, the whole config, hooks"


def effective_origins(cfg: Config) -> dict[str, Origin]:
    """Return where each value of a prepared config comes from: a file, or the options of the command line.

    Values that follow from options or from the machine, such as scaled learning rates, count as the command line's.
    """
    if not cfg.filename or not Path(cfg.filename).is_file():
        return {}
    return _compared(cfg.to_dict(), Config.fromfile(cfg.filename).to_dict(), origins(cfg.filename))


def _compared(settings: Mapping[str, Any], stated: Mapping[str, Any], tree: Any) -> dict[str, Origin]:
    found: dict[str, Origin] = {}
    for key, value in settings.items():
        if key not in stated:
            found[key] = OPTIONS
        elif value == stated[key]:
            found[key] = tree if isinstance(tree, str) else tree[key]
        elif isinstance(value, dict) and isinstance(stated[key], dict):
            found[key] = _compared(value, stated[key], tree if isinstance(tree, str) else tree[key])
        else:
            found[key] = OPTIONS
    return found


def _millions(count: int) -> str:
    return f"{count / 1e6:.3g} M"
