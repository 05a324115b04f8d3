"""Results tables of a paper as data: which run gives a row's numbers, and what the paper published for it."""

from __future__ import annotations

import copy
import os
import runpy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmmim.config.check import check_config
from mmmim.config.folder import configs_folder
from mmmim.config.keys import check_options
from mmmim.errors import UsageError, did_you_mean

OTHER_METHOD = "the number of another method, printed for comparison"
TEST_SUFFIXES = ("_single_scale", "_multi_scale")  # ends of a column's name that say how a segmentation was tested


@dataclass(frozen=True)
class Evaluation:
    """A run that gives a number.

    Args:
        config: Config relative to ``configs/<method>/``; or ``probe`` or ``knn``, the tools of that name on the
            pre-training config.
        after: Config of the evaluation whose checkpoint this one starts from; None: it starts from the pre-training's.
        multi_scale: Whether the trained model is tested once more with test-time augmentation, ``tools/test.py --tta``.
        lrs: Learning rates to try, written as in the config: there is a run of each, and the best number counts. Empty:
            the config's own.
        overrides: Dotted keys of the config that is run and their values, as in :class:`Row`.
    """

    config: str
    after: str | None = None
    multi_scale: bool = False
    lrs: tuple[float, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Count:
    """A number that is computed from a config, without any run.

    Args:
        what: ``gflop`` of a training step per image, forward and backward; ``gmacs`` of the encoder's forward pass per
            image; or ``cost``, the time of the whole pre-training relative to the row whose published cost is 1. The
            latter is known once ``tools/reproduce.py --time`` has measured the training steps of all rows.
        config: Config relative to ``configs/<method>/`` to compute it from; None: the row's own.
    """

    what: str
    config: str | None = None


@dataclass(frozen=True)
class Row:
    """One row (or one group of cells) of a published table.

    Args:
        name: Key of the row, unique in its table.
        config: Pre-training config relative to ``configs/<method>/``; None for a row that has published numbers only.
        overrides: Dotted config keys and their values, as ``--cfg-options`` takes them. A dict value is merged into the
            config's; with ``_delete_=True`` in it, it replaces the config's.
        published: Metrics and their numbers as printed; a metric that the paper leaves out is absent.
        evaluation: For each metric the config (or :class:`Evaluation`) whose run on the pre-trained checkpoint gives
            it, or a :class:`Count`; None: the row's own run gives it.
        note: What the numbers alone do not say.
        toy: Overrides for the toy config in place of the mapped ones, or the reason why the row has no toy version.
        untrained: Nothing is pre-trained: evaluations start from random weights of the config's encoder.
        before: Config key and config of a training that comes first; its last checkpoint becomes the value of the key.
        number_only: Why published numbers have no run, for all columns without one or by column. Rows without a config
            belong to other methods unless this says otherwise.
    """

    name: str
    config: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    evaluation: Mapping[str, str | Evaluation | Count | None] = field(default_factory=dict)
    note: str = ""
    toy: dict[str, Any] | str | None = None
    untrained: bool = False
    before: tuple[str, str] | None = None
    number_only: str | Mapping[str, str] = ""

    def evaluations(self) -> dict[str, Evaluation | None]:
        """Return the runs in ``evaluation``, with every value as an :class:`Evaluation` or None."""
        spelled = {key: Evaluation(e) if isinstance(e, str) else e for key, e in self.evaluation.items()}
        return {key: e for key, e in spelled.items() if not isinstance(e, Count)}

    def counts(self) -> dict[str, Count]:
        """Return the metrics that are computed from a config."""
        return {key: e for key, e in self.evaluation.items() if isinstance(e, Count)}

    def why_number_only(self, metric: str) -> str | None:
        """Return why a published number has no run; None where it has one, or where no reason is given."""
        if metric in self.evaluation:
            return None
        told = self.number_only if isinstance(self.number_only, str) else self.number_only.get(metric, "")
        return told or (OTHER_METHOD if self.config is None else None)


@dataclass(frozen=True)
class Table:
    """A table or figure; ``metrics`` are its columns, ``source`` is its place in the paper."""

    name: str
    title: str
    source: str
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """Return the row of this name."""
        return _pick(name, self.rows, f"row of {self.name}")


def methods(configs: Path | None = None) -> list[str]:
    """Return the methods that have tables."""
    return sorted(path.parent.name for path in (configs or configs_folder()).glob("*/tables.py"))


def load_tables(method: str, configs: Path | None = None) -> list[Table]:
    """Return the tables of ``configs/<method>/tables.py``, in the paper's order."""
    configs = configs or configs_folder()
    known = methods(configs)
    if method not in known:
        raise UsageError(f"method: no {configs.name}/{method}/tables.py{_hint(method, known)}")
    path = configs / method / "tables.py"
    tables = runpy.run_path(str(path)).get("TABLES")
    if not isinstance(tables, list | tuple) or not all(isinstance(table, Table) for table in tables):
        raise UsageError(f"{path}: must define TABLES, a list of mmmim.reproduce.tables.Table")
    for names in ([table.name for table in tables], *([row.name for row in table.rows] for table in tables)):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise UsageError(f"{path}: names must be unique, got {repeated} more than once")
    return list(tables)


def find_table(name: str, tables: Sequence[Table]) -> Table:
    """Return the table of this name; a UsageError names similar ones."""
    return _pick(name, tables, "table")


def row_config(method: str, row: Row, configs: Path | None = None) -> Config:
    """Return the row's base config with its overrides merged in.

    Raises:
        UsageError: The row has no run of its own, or an override names a key that nothing in the base config takes.
    """
    config = Config.fromfile(base_config_path(method, row, configs))
    check_options(config, flat(row.overrides))
    config.merge_from_dict(copy.deepcopy(row.overrides))  # removes `_delete_` from its argument
    if row.before is not None:
        key, earlier = row.before
        config_path(method, earlier, f"row '{row.name}'", configs)
        config.merge_from_dict({key: f"<the last checkpoint of {earlier}>"})
    check_config(config)
    return config


def base_config_path(method: str, row: Row, configs: Path | None = None) -> Path:
    """Return the file of the row's config; a UsageError says why there is none."""
    if row.config is None:
        raise UsageError(f"row '{row.name}': {row.number_only or OTHER_METHOD}, there is no run to start")
    return config_path(method, row.config, f"row '{row.name}'", configs)


def config_path(method: str, name: str, asked_by: str, configs: Path | None = None) -> Path:
    """Return ``configs/<method>/<name>``; ``name`` may lead to another method's (``../mae/vit-b_800e.py``)."""
    path = Path(os.path.normpath((configs or configs_folder()) / method / name))
    if not path.is_file():
        known = [str(p.relative_to(path.parents[0])) for p in path.parent.glob("*.py")]
        raise UsageError(f"{asked_by}: no config '{path}'{_hint(path.name, known)}")
    return path


def warmup_cosine(epochs: int, warmup: int) -> dict[str, Any]:
    """Return overrides that stretch a schedule of linear warm-up and one cosine to ``epochs``."""
    return {
        "train_cfg.max_epochs": epochs,
        "param_scheduler.0.end": warmup,
        "param_scheduler.1.begin": warmup,
        "param_scheduler.1.end": epochs,
        "param_scheduler.1.T_max": epochs - warmup,
    }


def flat(overrides: dict[str, Any]) -> dict[str, Any]:
    """Return nested dicts as dotted keys."""
    dotted: dict[str, Any] = {}
    for key, value in overrides.items():
        dotted |= flat({f"{key}.{k}": v for k, v in value.items()}) if isinstance(value, dict) else {key: value}
    return dotted


def cfg_options(overrides: dict[str, Any]) -> list[str]:
    """Return the overrides as words after ``--cfg-options``."""
    words = []
    for key, value in flat(overrides).items():
        text = f"[{','.join(str(v) for v in value)}]" if isinstance(value, list | tuple) else str(value)
        words.append(f"{key}={text}")
    return words


def _pick(name: str, items: Iterable[Any], kind: str) -> Any:
    by_name = {item.name: item for item in items}
    if name not in by_name:
        raise UsageError(f"no {kind} '{name}'{_hint(name, by_name)}")
    return by_name[name]


def _hint(name: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(name, known, 0.4) or f"; there are: {', '.join(known) or 'none'}"


def iter_rows(method: str, configs: Path | None = None) -> Iterator[tuple[Table, Row]]:
    """Yield every row of a method together with its table."""
    for table in load_tables(method, configs):
        for row in table.rows:
            yield table, row
