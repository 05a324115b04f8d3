"""Text is UTF-8 whatever the locale: every file that is read or written as text names its encoding."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NO_TEXT = {"Image", "os", "tarfile", "zipfile", "webbrowser"}  # whose open() is of something else


def is_text(call: ast.Call, mode_at: int) -> bool:
    modes = [word.value for word in call.keywords if word.arg == "mode"] + call.args[mode_at : mode_at + 1]
    return not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)


def opens_text(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="open"):
            return is_text(call, mode_at=1)
        case ast.Attribute(attr="read_text" | "write_text"):
            return True
        case ast.Attribute(attr="open", value=ast.Name(id=name)) if name in NO_TEXT:
            return False
        case ast.Attribute(attr="open"):
            return is_text(call, mode_at=0)
    return False


def without_encoding(source: str) -> Iterator[int]:
    """Lines of calls that leave the encoding to the locale."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and opens_text(node) and "encoding" not in {word.arg for word in node.keywords}:
            yield node.lineno


@pytest.mark.parametrize("folder", ["mmmim", "tools", "projects", "configs", "tests"])
def test_no_encoding_is_left_to_the_locale(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = [f"{file}:{line}" for file in files for line in without_encoding(file.read_text(encoding="utf-8"))]
    assert not found, 'add encoding="utf-8"'


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("open('a')\npath.read_text()\npath.write_text(x)\npath.open('w')", [1, 2, 3, 4]),
        ("open('a', 'rb')\nImage.open('a')\npath.open(mode='ab')\npath.read_text(encoding='utf-8')", []),
    ],
)
def test_which_calls_are_meant(source: str, lines: list[int]) -> None:
    assert sorted(without_encoding(source)) == lines
