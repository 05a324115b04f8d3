from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import ViT


def test_without_the_extra_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "run.pth", ViT)
    encoder = read_encoder(tmp_path / "run.pth")
    for target, module in (("onnx", "onnxscript"), ("transformers", "transformers")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UsageError, match=rf"--to {target} needs .*{module}.*: pip install 'mmmim\[export\]'"):
            export(encoder, target, tmp_path / "out")
    assert not (tmp_path / "out").exists()
