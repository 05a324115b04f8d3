from __future__ import annotations

import json
import runpy
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open

from mmmim.engine import export as exporting
from mmmim.engine.errors import UsageError
from mmmim.engine.export import export, mmpretrain_name, read_encoder
from mmmim.engine.run import run_tool
from mmmim.models.backbones import ViT

ARCH = dict(embed_dims=32, depth=2, num_heads=2, mlp_ratio=3)


def write_checkpoint(path: Path, **settings) -> ViT:
    torch.manual_seed(0)
    model = ViT(**(dict(arch=ARCH, img_size=(32, 48), patch_size=8) | settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    state = {f"backbone.{name}": value for name, value in model.state_dict().items()}
    state |= {"neck.decoder_pred.weight": torch.zeros(1), "projector.0.weight": torch.zeros(1)}
    torch.save(dict(state_dict=state, meta=dict(mmmim=dict(model.describe(), method="CCMIM"))), path)
    return model


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "run.pth")
    return tmp_path / "run.pth"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        dict(mask_mode="replace", pos_embed="learned"),
        dict(with_cls_token=False),
        dict(pos_embed="none"),
        dict(final_norm=False),
        dict(in_channels=5, patch_size=(8, 16)),
    ],
)
def test_what_is_printed_for_timm_gives_our_features(tmp_path: Path, settings: dict) -> None:
    model = write_checkpoint(tmp_path / "run.pth", **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out.pth")
    names = dict(timm=timm, torch=torch, partial=partial)
    exec(usage, names)
    images = torch.randn(2, model.in_channels, 32, 48)
    with torch.no_grad():
        theirs = names["model"].eval().forward_features(images)
        torch.testing.assert_close(theirs, model(images)[-1], rtol=0, atol=1e-5)
    assert difference < 1e-5


def test_a_named_arch_becomes_timm_s_model(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "run.pth", arch="tiny", img_size=224, patch_size=16)
    usage, _ = export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out.pth")
    assert usage.startswith("model = timm.create_model('vit_tiny_patch16_224', num_classes=0, checkpoint_path=")
    names = dict(timm=timm)
    exec(usage, names)
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(names["model"].eval().forward_features(images), model(images)[-1], rtol=0, atol=1e-5)


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


def test_names_of_mmpretrain() -> None:
    """As its vision_transformer.py builds them: layers, ln1/ln2, ffn.layers.0.0 and .1, patch_embed.projection, ln1."""
    block = ("ln1", "attn.qkv", "attn.proj", "ln2", "ffn.layers.0.0", "ffn.layers.1")
    expected = [f"layers.{i}.{part}.{kind}" for i in range(2) for part in block for kind in ("weight", "bias")]
    expected += ["cls_token", "pos_embed", "patch_embed.projection.weight", "patch_embed.projection.bias"]
    expected += ["ln1.weight", "ln1.bias"]
    ours = ViT(arch=ARCH, img_size=32, patch_size=8).state_dict()
    assert sorted(mmpretrain_name(name) for name in ours) == sorted(expected)
    with pytest.raises(UsageError, match=r"'blocks\.0\.ls1\.gamma' has no place"):
        mmpretrain_name("blocks.0.ls1.gamma")


def test_mmpretrain_round_trip(tmp_path: Path, checkpoint: Path) -> None:
    encoder = read_encoder(checkpoint)
    usage, difference = export(encoder, "mmpretrain", tmp_path / "out.pth")
    stored = torch.load(tmp_path / "out.pth")["state_dict"]
    assert len(stored) == len(encoder.state) and difference == 0
    for name, value in encoder.state.items():
        assert torch.equal(stored["backbone." + mmpretrain_name(name)], value)
    names: dict = {}
    exec(usage, names)
    assert names["backbone"]["arch"]["feedforward_channels"] == 96
    assert names["backbone"]["init_cfg"]["prefix"] == "backbone."


def test_without_positions_mmpretrain_gets_zeros(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", pos_embed="none")
    export(read_encoder(tmp_path / "run.pth"), "mmpretrain", tmp_path / "out.pth")
    table = torch.load(tmp_path / "out.pth")["state_dict"]["backbone.pos_embed"]
    assert table.shape == (1, 1 + 4 * 6, 32) and not table.any()


def test_differing_features_are_refused(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = read_encoder(checkpoint)
    monkeypatch.setattr(
        exporting, "timm_settings", lambda e, original=exporting.timm_settings: original(e) | dict(num_heads=4)
    )
    with pytest.raises(UsageError, match=r"features differ by .* \(limit 1e-05\); nothing is written"):
        export(encoder, "timm", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_files_that_are_no_checkpoints_are_named(tmp_path: Path) -> None:
    file = tmp_path / "some.pth"
    with pytest.raises(UsageError, match="there is no such file"):
        read_encoder(file)
    file.write_text("hello")
    with pytest.raises(UsageError, match="not a PyTorch checkpoint"):
        read_encoder(file)
    torch.save(dict(model=dict(weight=torch.zeros(1))), file)
    with pytest.raises(UsageError, match="not a checkpoint of mmmim"):
        read_encoder(file)
    torch.save(dict(state_dict={"encoder.x": torch.zeros(1)}, meta=dict(mmmim={})), file)
    with pytest.raises(UsageError, match=r"no tensor starts with 'backbone\.'; the file holds encoder\.x"):
        read_encoder(file)
    torch.save(dict(state_dict={"backbone.x": torch.zeros(1)}, meta=dict(mmmim=dict(backbone="Swin"))), file)
    with pytest.raises(UsageError, match="this is a Swin"):
        read_encoder(file)


def test_command_line(tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture) -> None:
    tool = runpy.run_path("tools/export.py")
    out = tmp_path / "new" / "vit.pth"
    assert run_tool(tool["export_file"], tool["parse_args"]([str(checkpoint), "--to", "timm", "--out", str(out)])) == 0
    assert len(torch.load(out)) == 30
    printed = capsys.readouterr().out
    assert "30 tensors written to" in printed and "differ by at most" in printed
    arguments = tool["parse_args"]([str(tmp_path / "nothing.pth"), "--to", "timm", "--out", str(out)])
    assert run_tool(tool["export_file"], arguments) == 2
    assert "nothing.pth: there is no such file" in capsys.readouterr().err
