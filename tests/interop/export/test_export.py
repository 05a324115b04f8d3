"""What holds for every target of an export: the file, its description, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder


def test_only_the_encoder_travels(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "run.pth", mask_mode="replace")
    export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out.pth")
    assert set(torch.load(tmp_path / "out.pth")) == set(model.state_dict()) - {"mask_token"}


def test_safetensors_carry_the_description(tmp_path: Path, checkpoint: Path) -> None:
    encoder = read_encoder(checkpoint)
    export(encoder, "safetensors", tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        assert json.loads(file.metadata()["mmmim"]) == encoder.meta
        assert {name: file.get_tensor(name).shape for name in file.keys()} == {  # noqa: SIM118
            name: value.shape for name, value in encoder.state.items()
        }


def test_files_that_are_no_checkpoints_are_named(tmp_path: Path) -> None:
    file = tmp_path / "some.pth"
    with pytest.raises(UsageError, match="does not exist"):
        read_encoder(file)
    file.write_text("hello", encoding="utf-8")
    with pytest.raises(UsageError, match="damaged or no PyTorch file"):
        read_encoder(file)
    torch.save(dict(model=dict(weight=torch.zeros(1))), file)
    with pytest.raises(UsageError, match="not a checkpoint of mmmim"):
        read_encoder(file)
    torch.save(dict(state_dict={"encoder.x": torch.zeros(1)}, meta=dict(mmmim={})), file)
    with pytest.raises(UsageError, match=r"no tensor starts with 'backbone\.'; the file holds encoder\.x"):
        read_encoder(file)
    torch.save(dict(state_dict={"backbone.x": torch.zeros(1)}, meta=dict(mmmim=dict(backbone="MLP"))), file)
    with pytest.raises(
        UsageError,
        match=r"only BEiTViT, .*ViT can be exported, this is a 'MLP'; name the module of a class",
    ):
        read_encoder(file)
