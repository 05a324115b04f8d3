from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_encoders import write_checkpoint

from mmmim.commands import export as export_command
from mmmim.commands.running import run_tool


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    checkpoint = tmp_path / "run.pth"
    write_checkpoint(checkpoint)
    out = tmp_path / "new" / "vit.pth"
    assert (
        run_tool(export_command.run, export_command.parse_args([str(checkpoint), "--to", "timm", "--out", str(out)]))
        == 0
    )
    assert len(torch.load(out)) == 30
    printed = capsys.readouterr().out
    assert "30 tensors written to" in printed and "differ by at most" in printed
    arguments = export_command.parse_args([str(tmp_path / "nothing.pth"), "--to", "timm", "--out", str(out)])
    assert run_tool(export_command.run, arguments) == 2
    assert "nothing.pth'; give a .pth file or the work directory of a run" in capsys.readouterr().err
