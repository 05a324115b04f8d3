from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.commands import export as export_command
from mmmim.errors import UsageError
from mmmim.interop.export import TARGETS, export, read_encoder
from mmmim.models.backbones import ViT


def test_a_suffix_asks_timm_for_a_file(tmp_path: Path, checkpoint: Path) -> None:
    usage, _ = export(read_encoder(checkpoint), "timm", tmp_path / "vit.safetensors")
    assert "safetensors.torch.load_file" in usage and (tmp_path / "vit.safetensors").is_file()
    usage, _ = export(read_encoder(checkpoint), "timm", tmp_path / "vit.pth")
    assert "torch.load" in usage and (tmp_path / "vit.pth").is_file()
    assert export(read_encoder(checkpoint), "timm", tmp_path / "vit.v2")[0].startswith('model = timm.create_model("lo')


def test_targets_of_the_parser_are_those_of_the_library(capsys: pytest.CaptureFixture) -> None:
    assert tuple(TARGETS) == export_command.TARGETS
    with pytest.raises(SystemExit):
        export_command.parse_args(["CKPT", "--to", "transformer", "--out", "x"])
    told = capsys.readouterr().err
    assert "argument --to: invalid choice: 'transformer'" in told and "did you mean 'transformers'?" in told


def test_differing_features_are_refused(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = read_encoder(checkpoint)
    right = ViT.timm_model(encoder.meta, encoder.state)
    wrong = right._replace(arguments=dict(right.arguments, num_heads=4))
    monkeypatch.setattr(ViT, "timm_model", lambda *_: wrong)
    with pytest.raises(UsageError, match=r"features differ by .* \(limit 1e-05\); nothing is written"):
        export(encoder, "timm", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_a_pytorch_file_is_not_named_safetensors(tmp_path: Path, checkpoint: Path) -> None:
    out = tmp_path / "vit.safetensors"
    with pytest.raises(UsageError, match=r"--to mmpretrain writes a PyTorch file; name it \.pth, or use --to safeten"):
        export(read_encoder(checkpoint), "mmpretrain", out)
    assert not out.exists()
