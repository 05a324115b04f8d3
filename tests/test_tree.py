"""Tests mirror the tree: a module of ``mmmim`` has its tests in the same folder under its own name.

A test file is ``test_MODULE.py`` or, for one of several subjects, ``test_MODULE_SUBJECT.py``; what concerns a whole
folder has the folder's name in place of the module's. Folders that ``mmmim`` does not have hold tests of other things.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "mmmim", ROOT / "tests"
WORK = PACKAGE / "commands/work"  # what the commands of the same names do, which their tests call
SPANNING = {"commands/test_import_budget.py"}  # docs/design.md tells the rule under this name
LONGEST = 300  # lines


def acts(body: list[ast.stmt]) -> bool:
    """Return whether a function does more than to raise an error or to be overridden."""
    return any(not isinstance(line, (ast.Pass, ast.Raise)) and not _is_text(line) for line in body)


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def has_behaviour(text: str) -> bool:
    """Return whether a module defines more than constants, types and contracts."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, functions) and acts(node.body) for node in ast.walk(ast.parse(text)))


def modules_with_tests() -> list[Path]:
    """Return the modules that need tests of their own, below ``mmmim``."""
    found = [path for path in PACKAGE.rglob("*.py") if not path.name.startswith("__") and path.parent != WORK]
    return sorted(path.relative_to(PACKAGE) for path in found if has_behaviour(path.read_text(encoding="utf-8")))


def subjects(folder: Path) -> list[str]:
    """Return the names that test files of a folder may have: those of its modules and packages, and its own."""
    inside = [path for path in (PACKAGE / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return [path.stem for path in inside] + [folder.name]


def subject_of(test: Path) -> str | None:
    """Return what a test file, given below ``tests``, is about; of several names the longest; None without one."""
    name = test.stem.removeprefix("test_") + "_"
    return max((each for each in subjects(test.parent) if name.startswith(each + "_")), key=len, default=None)


def mirrored_tests() -> list[Path]:
    """Return the test files in folders that ``mmmim`` has too, below ``tests``."""
    found = (path.relative_to(TESTS) for path in TESTS.rglob("test_*.py"))
    return sorted(path for path in found if path.parts[1:] and (PACKAGE / path.parent).is_dir())


def test_every_module_has_its_tests() -> None:
    tested = {(path.parent, subject_of(path)) for path in mirrored_tests()}
    tested |= {(Path(), path.stem.removeprefix("test_")) for path in TESTS.glob("test_*.py")}
    missing = [
        f"tests/{path.parent}/test_{path.name}"
        for path in modules_with_tests()
        if (path.parent, path.stem) not in tested
    ]
    assert missing == []


def test_work_is_that_of_a_command_with_tests() -> None:
    names = {path.name for path in WORK.glob("*.py")} - {"__init__.py"}
    assert [name for name in names if not (TESTS / "commands" / f"test_{name}").is_file()] == []


def test_every_test_file_belongs_to_the_tree() -> None:
    strange = [str(path) for path in mirrored_tests() if subject_of(path) is None]
    assert sorted(set(strange) - SPANNING) == []


def test_below_a_mirrored_folder_all_are_mirrored() -> None:
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")} - {Path()}
    mirrored = [folder for folder in folders if (PACKAGE / folder.parts[0]).is_dir()]
    assert [str(folder) for folder in mirrored if not (PACKAGE / folder).is_dir()] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WIDTH = 3\n", False),
        ("class Fact(NamedTuple):\n    width: int\n", False),
        ("class Base:\n    def read(self):\n        '''Return it.'''\n        raise NotImplementedError\n", False),
        ("def f() -> int: ...\n", False),
        ("def f() -> int:\n    return 3\n", True),
        ("class A:\n    async def read(self):\n        await nothing()\n", True),
    ],
)
def test_which_modules_are_meant(text: str, expected: bool) -> None:
    assert has_behaviour(text) == expected


def test_no_test_file_is_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS.rglob("test_*.py")}
    assert [f"{path.name}: {lines}" for path, lines in lengths.items() if lines > LONGEST] == []
