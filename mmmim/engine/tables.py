"""Results tables of a paper as data: which run belongs to a row, and what the paper published for it."""

from __future__ import annotations

import runpy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@dataclass(frozen=True)
class Row:
    """One row (or one cell group) of a published table.

    Args:
        name: Key of the row, unique in its table.
        config: Pre-training config relative to ``configs/<method>/``; ``None`` for a row of another method,
            which carries published numbers only.
        overrides: Dotted config key -> value, as ``--cfg-options`` takes them. A dict value is merged into
            the config's; with ``_delete_=True`` in it, it replaces it.
        published: Metric -> number as printed; a metric the paper leaves out is absent.
        evaluation: Configs (relative to ``configs/<method>/``) of the runs on the pre-trained checkpoint that
            give the numbers.
        note: What the numbers alone do not say.
    """

    name: str
    config: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    evaluation: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table or figure; ``metrics`` are its columns, ``source`` says where in which paper it stands."""

    name: str
    title: str
    source: str
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        return _pick(name, self.rows, f"row of {self.name}")


def methods(configs: Path = CONFIGS) -> list[str]:
    """Methods that have tables."""
    return sorted(path.parent.name for path in configs.glob("*/tables.py"))


def load_tables(method: str, configs: Path = CONFIGS) -> list[Table]:
    """The tables of ``configs/<method>/tables.py``, in the paper's order."""
    known = methods(configs)
    if method not in known:
        raise ValueError(f"method: no {configs.name}/{method}/tables.py{_nearest(method, known)}")
    path = configs / method / "tables.py"
    tables = runpy.run_path(str(path)).get("TABLES")
    if not isinstance(tables, list | tuple) or not all(isinstance(table, Table) for table in tables):
        raise ValueError(f"{path}: must define TABLES, a list of mmmim.engine.tables.Table")
    for names in ([table.name for table in tables], *([row.name for row in table.rows] for table in tables)):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{path}: names must be unique, got {repeated} more than once")
    return list(tables)


def find_table(name: str, tables: Sequence[Table]) -> Table:
    return _pick(name, tables, "table")


def row_config(method: str, row: Row, configs: Path = CONFIGS) -> Config:
    """The row's base config with its overrides merged in; checks that each override lands on something.

    Raises:
        ValueError: The row has no run of its own, or an override names a key the base config does not know.
    """
    path = base_config_path(method, row, configs)
    config = Config.fromfile(path)
    for key, value in row.overrides.items():
        _check_override(config, key, value, f"row '{row.name}' of {method} on {path.name}")
    config.merge_from_dict(row.overrides)
    return config


def base_config_path(method: str, row: Row, configs: Path = CONFIGS) -> Path:
    if row.config is None:
        raise ValueError(f"row '{row.name}': published numbers of another method, there is no run to start")
    for name in (row.config, *row.evaluation):
        path = configs / method / name
        if not path.is_file():
            known = [str(p.relative_to(configs / method)) for p in (configs / method).rglob("*.py")]
            raise ValueError(f"row '{row.name}': no config '{path}'{_nearest(name, known)}")
    return configs / method / row.config


def cfg_options(overrides: dict[str, Any]) -> list[str]:
    """``--cfg-options`` words for ``overrides``; nested dicts become dotted keys."""
    words = []
    for key, value in overrides.items():
        if isinstance(value, dict):
            words += cfg_options({f"{key}.{inner}": v for inner, v in value.items()})
        elif isinstance(value, list | tuple):
            words.append(f"{key}=[{','.join(str(v) for v in value)}]")
        else:
            words.append(f"{key}={value}")
    return words


def _check_override(config: Config, key: str, value: Any, where: str) -> None:
    """Every part of ``key`` must be there, except that what has a ``type`` may get a new argument."""
    node: Any = config
    parts = key.split(".")
    for depth, part in enumerate(parts):
        known = [str(i) for i in range(len(node))] if isinstance(node, list | tuple) else list(node or ())
        if part not in known:
            is_new_argument = depth == len(parts) - 1 and "type" in known
            if is_new_argument:
                return
            raise ValueError(f"{where}: unknown key '{key}', no '{part}'{_nearest(part, known)}")
        node = node[int(part)] if isinstance(node, list | tuple) else node[part]
    if isinstance(value, dict) and not isinstance(node, dict):
        raise ValueError(f"{where}: '{key}' is {node!r} in the config and cannot take the dict {value}")


def _pick(name: str, items: Iterable[Any], kind: str) -> Any:
    by_name = {item.name: item for item in items}
    if name not in by_name:
        raise ValueError(f"no {kind} '{name}'{_nearest(name, by_name)}")
    return by_name[name]


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    return f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(known) or 'none'}"


def iter_rows(method: str, configs: Path = CONFIGS) -> Iterator[tuple[Table, Row]]:
    for table in load_tables(method, configs):
        for row in table.rows:
            yield table, row
