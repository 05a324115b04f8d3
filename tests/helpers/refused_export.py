from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmmim.commands import export as export_command

Change = Callable[[dict], None]


def error(capsys: pytest.CaptureFixture, *words: object) -> str:
    assert export_command.main([str(word) for word in words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    return told


def changed(path: Path, change: Change) -> Path:
    checkpoint = torch.load(path)
    change(checkpoint)
    torch.save(checkpoint, path)
    return path
