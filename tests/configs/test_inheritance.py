"""A config can be read alone: it inherits from files made for it, and from few of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path
    for folder in ("configs", "projects")
    for path in (ROOT / folder).rglob("*.py")
    if "_base_" in path.read_text(encoding="utf-8") and "_base_" not in path.parts
)
DEEPEST = 4  # the config itself, and three files below it


def bases(file: Path) -> list[Path]:
    for line in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "_base_":
            named = ast.literal_eval(line.value)
            return [(file.parent / name).resolve() for name in ([named] if isinstance(named, str) else named)]
    return []


def chain(file: Path) -> list[Path]:
    """The longest way from ``file`` to one that inherits nothing."""
    return [file, *max((chain(base) for base in bases(file)), key=len, default=[])]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_config_inherits_from_base_files_a_few_deep(file: Path) -> None:
    assert all("_base_" in base.parts for base in bases(file)), "inherits from a config that is run itself"
    longest = [str(each.relative_to(ROOT)) for each in chain(file)]
    assert len(longest) <= DEEPEST, longest


def test_every_base_file_is_used() -> None:
    used = {base for file in SHIPPED for base in _below(file)}
    unused = set((ROOT / "configs/_base_").rglob("*.py")) - used
    assert {file.name for file in unused} <= {"coco.py"}


def _below(file: Path) -> set[Path]:
    return {file, *(each for base in bases(file) for each in _below(base))}
