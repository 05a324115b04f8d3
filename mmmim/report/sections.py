"""The parts of a report, as facts, charts and text that the page's template lays out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mmmim.config.printing import printed

from .charts import Chart, Line, by_epoch, line_chart, number
from .run_folder import RunFolder

LOSS = "loss"
SPEED = {
    "images_per_second": "Images per second",
    "data_wait": "Waiting for data, % of the time",
    "memory": "Memory of the device, MB",
}
SCHEDULES = {"lr": "Learning rate", "grad_norm": "Norm of the gradient"}
OF_A_RECORD = ("epoch", "iter", "step", "time", "data_time", "base_lr")
MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Facts of runs: a column for each run, a row for each fact."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def summary(runs: Sequence[RunFolder]) -> Table:
    """Return what was trained, how far it came and what it reached."""
    columns = [dict(_summary(run)) for run in runs]
    return _table(runs, columns)


def recipe(runs: Sequence[RunFolder]) -> Table:
    """Return the values of the recipe, those of the paper's table for a run."""
    return _table(runs, [dict(_recipe(run.config or {})) for run in runs])


def evaluations(runs: Sequence[RunFolder]) -> Table:
    """Return accuracies that evaluations wrote beside the checkpoints, in percent."""
    return _table(runs, [dict(_evaluations(run)) for run in runs])


def environment(runs: Sequence[RunFolder]) -> Table:
    """Return the machine and the versions of the last start of each run."""
    columns = []
    for run in runs:
        last = run.starts[-1] if run.starts else None
        facts = dict(last.machine) | dict(last.versions) | dict(commit=last.commit or MISSING) if last else {}
        columns.append({name: _text(value) for name, value in facts.items()})
    return _table(runs, columns)


def differences(runs: Sequence[RunFolder]) -> Table | None:
    """Return the values of the configs that differ between runs, or None for one run."""
    if len(runs) < 2:
        return None
    columns = [dict(_flat(run.config.to_dict() if run.config else {})) for run in runs]
    keys = dict.fromkeys(key for column in columns for key in column)
    differing = [key for key in keys if len({column.get(key, MISSING) for column in columns}) > 1]
    return _table(runs, [{key: column.get(key, MISSING) for key in differing} for column in columns])


def loss_charts(runs: Sequence[RunFolder]) -> list[Chart]:
    """Return the losses: all terms of one run in a chart, or a chart for each term with a line for each run."""
    keys = _keys(runs, lambda key: key.startswith(LOSS))
    if len(runs) == 1 and keys:
        lines = [Line(key, *by_epoch(runs[0].training, key), index) for index, key in enumerate(keys)]
        return [line_chart("Loss", lines, _unit(runs))]
    return [_chart(runs, key, key) for key in keys]


def method_charts(runs: Sequence[RunFolder]) -> list[Chart]:
    """Return what a method logs beside its losses, such as the overlap of masks, and the schedules."""
    others = _keys(runs, lambda key: not key.startswith(LOSS) and key not in {*SPEED, *SCHEDULES, *OF_A_RECORD})
    known = _keys(runs, lambda key: key in SCHEDULES)
    return [_chart(runs, key, SCHEDULES.get(key, key)) for key in (*others, *known)]


def monitor_charts(runs: Sequence[RunFolder]) -> list[Chart]:
    """Return what validations and monitors measured while the run trained."""
    keys = dict.fromkeys(key for run in runs for record in run.evaluations for key in record if key not in OF_A_RECORD)
    charts = []
    for key in keys:
        lines = []
        for index, run in enumerate(runs):
            found = [record for record in run.evaluations if isinstance(record.get(key), (int, float))]
            if found:
                values = [each["step"] for each in found], [each[key] for each in found]
                lines.append(Line(_label(run, runs), *values, index))
        if lines:
            charts.append(line_chart(key, lines, "epoch", legend=len(runs) > 1))
    return charts


def speed_charts(runs: Sequence[RunFolder]) -> list[Chart]:
    """Return throughput, waiting time and memory."""
    return [_chart(runs, key, SPEED[key]) for key in SPEED if _keys(runs, lambda logged, key=key: logged == key)]


def config_text(run: RunFolder) -> str:
    """Return the effective config as Python, with the file or option that each value comes from."""
    if run.config is None:
        return ""
    origins = dict(run.starts[-1].origins) if run.starts else {}
    settings = {key: value for key, value in run.config.to_dict().items() if not origins or key in origins}
    return printed(settings, origins or None)


def commands(run: RunFolder) -> list[str]:
    """Return the commands that trained the run, one for each start."""
    return [f"{record.command}  # {record.started}" for record in run.starts]


def _summary(run: RunFolder) -> Iterator[tuple[str, str]]:
    yield "state", run.state
    if run.starts:
        skipped = ("results", "details")
        yield from ((name, text) for name, text in run.starts[-1].facts.items() if name not in skipped)
        yield "starts", str(len(run.starts))
    elif run.config is not None:
        yield "model", str(run.config.get("model", {}).get("type", MISSING))
    for key in _keys([run], lambda key: key.startswith(LOSS)):
        values = by_epoch(run.training, key)[1]
        yield key, f"{number(values[0])} → {number(values[-1])}"
    speeds = [record["images_per_second"] for record in run.training if "images_per_second" in record]
    if speeds:
        yield "images/s", f"{median(speeds):,.0f} (median)"
    for name, value in _last_evaluations(run).items():
        yield name, number(value)


def _last_evaluations(run: RunFolder) -> dict[str, float]:
    last: dict[str, float] = {}
    for record in run.evaluations:
        last |= {key: value for key, value in record.items() if key not in OF_A_RECORD and isinstance(value, float)}
    return last


def _recipe(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    wrapper = config.get("optim_wrapper") or {}
    optimizer = wrapper.get("optimizer") or {}
    model = config.get("model") or {}
    yield from ((f"optimizer {key}", _text(value)) for key, value in optimizer.items())
    yield from ((key, _text(wrapper[key])) for key in ("accumulative_counts", "clip_grad", "dtype") if wrapper.get(key))
    for part in ("backbone", "neck", "head", "masker", "degradation", "target_generator", "generator", "tokenizer"):
        if isinstance(model.get(part), Mapping):
            yield part, _call(model[part])
    dataset = (config.get("train_dataloader") or {}).get("dataset") or {}
    for index, step in enumerate(dataset.get("transforms") or dataset.get("pipeline") or [], start=1):
        yield f"transform {index}", _call(step)


def _evaluations(run: RunFolder) -> Iterator[tuple[str, str]]:
    for kind, measured in run.results.items():
        for weights in ("pretrained", "random_init"):
            for name, value in (measured.get(weights) or {}).items():
                if isinstance(value, (int, float)):
                    yield f"{kind} {name}, {weights.replace('_', ' ')}", f"{value:.2f}"


def _keys(runs: Sequence[RunFolder], wanted: Any) -> list[str]:
    found = dict.fromkeys(key for run in runs for record in run.training for key in record)
    return [key for key in found if wanted(key)]


def _chart(runs: Sequence[RunFolder], key: str, title: str) -> Chart:
    lines = [Line(_label(run, runs), *by_epoch(run.training, key), index) for index, run in enumerate(runs)]
    return line_chart(title, [line for line in lines if line.steps], _unit(runs), legend=len(runs) > 1)


def _label(run: RunFolder, runs: Sequence[RunFolder]) -> str:
    """Return the name of a run, with its data where those of the runs differ."""
    differ = len({each.data for each in runs}) > 1
    return f"{run.name} ({run.data})" if differ and run.data else run.name


def _unit(runs: Sequence[RunFolder]) -> str:
    epochs = {record.get("epoch") for run in runs for record in run.training}
    return "epoch" if len(epochs - {None}) > 1 and None not in epochs else "iteration"


def _table(runs: Sequence[RunFolder], columns: Sequence[Mapping[str, str]]) -> Table:
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [[name, *(column.get(name, MISSING) for column in columns)] for name in names]
    return Table([run.name for run in runs], rows)


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, _text(value)


def _call(settings: Mapping[str, Any]) -> str:
    inner = ", ".join(f"{key}={_text(value)}" for key, value in settings.items() if key != "type")
    return f"{str(settings.get('type', '')).removeprefix('mmmim.')}({inner})"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return _call(value) if "type" in value else ", ".join(f"{key}={_text(each)}" for key, each in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    return str(value)
