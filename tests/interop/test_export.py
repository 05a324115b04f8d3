from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors import safe_open

from mmmim.commands import export as export_command
from mmmim.commands.running import run_tool
from mmmim.errors import UsageError
from mmmim.interop.export import export, from_mmpretrain, read_encoder, to_mmpretrain
from mmmim.interop.mmpretrain_layout import merge_order, mmpretrain_name
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

ARCH = dict(embed_dims=32, depth=2, num_heads=2, mlp_ratio=3)
STAGES = dict(embed_dims=16, depths=(2, 2, 2), num_heads=(1, 2, 4))
VIT = dict(arch=ARCH, img_size=(32, 48), patch_size=8)
SWIN = dict(arch=STAGES, img_size=(32, 64), patch_size=2, window_size=4)
SWIN_V2 = dict(SWIN, pretrained_window_sizes=(0, 0, 0))
RESNET = dict(depth=dict(block="basic", depths=(1, 2, 1, 1)), img_size=(64, 96))


def write_checkpoint(path: Path, cls: type = ViT, **settings):
    torch.manual_seed(0)
    defaults = {ViT: VIT, BEiTViT: VIT, Swin: SWIN, SwinV2: SWIN_V2, ResNet: RESNET}[cls]
    model = cls(**(defaults | settings)).eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
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
    theirs, images = what_is_printed(usage), torch.randn(2, model.in_channels, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(theirs.forward_features(images), model(images)[-1], rtol=0, atol=1e-5)
    assert difference < 1e-5


def what_is_printed(usage: str) -> torch.nn.Module:
    names = dict(timm=timm, torchvision=torchvision, torch=torch, partial=partial)
    exec(usage, names)
    return names["model"].eval()


@pytest.mark.parametrize(
    ("cls", "settings", "theirs"),
    [
        (BEiTViT, {}, "Beit"),
        (BEiTViT, dict(rel_pos="block", pos_embed="learned"), "Beit"),
        (BEiTViT, dict(rel_pos="block", final_norm=False, mask_mode=None), "Beit"),
        (BEiTViT, dict(rel_pos="none", layer_scale=None), "VisionTransformer"),
        (BEiTViT, dict(rel_pos="none", pos_embed="learned"), "VisionTransformer"),
        (BEiTViT, dict(rel_pos="none", pos_embed="learned", qkv_bias="qkv", final_norm=False), "VisionTransformer"),
        (BEiTViT, dict(rel_pos="none", layer_scale=None, qkv_bias="qkv", pos_embed="sincos"), "VisionTransformer"),
        (Swin, {}, "SwinTransformer"),
        (Swin, dict(window_size=8, in_channels=4), "SwinTransformer"),
        (Swin, dict(dynamic_size=True, out_indices=(0, 1, 2), mask_mode=None), "SwinTransformer"),
        (SwinV2, {}, "SwinTransformerV2"),
        (SwinV2, dict(window_size=8, pretrained_window_sizes=(4, 4, 2)), "SwinTransformerV2"),
        (ResNet, {}, "ResNet"),
        (ResNet, dict(depth=dict(block="bottleneck", depths=(1, 1, 1, 1)), in_channels=2), "ResNet"),
        (ResNet, dict(output_stride=8), "ResNet"),
    ],
)
def test_timm_gives_the_features_of_every_backbone(tmp_path: Path, cls: type, settings: dict, theirs: str) -> None:
    model = write_checkpoint(tmp_path / "run.pth", cls, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out.pth")
    built = what_is_printed(usage)  # loads strictly
    assert type(built).__name__ == theirs and difference < 1e-5
    images = torch.randn(2, model.in_channels, *model.img_size, dtype=torch.float64)
    model.out_type = "raw"
    with torch.no_grad():
        features, tokens = built.double().forward_features(images), model.double()(images)[-1]
    if features.ndim == 4:  # Swin's are NHWC, ResNet's NCHW
        features = features.flatten(1, 2) if cls is not ResNet else features.flatten(2).transpose(1, 2)
    torch.testing.assert_close(features, tokens, rtol=0, atol=1e-10)
    assert tokens.std() > 0.05


@pytest.mark.parametrize(
    ("cls", "settings", "reason"),
    [
        (SwinV2, dict(extra_norm_every_n_blocks=2), r"one more norm after every 2 blocks"),
        (
            Swin,
            dict(window_size=3, dynamic_size=True),
            r"do not divide into windows of 3x3; timm shifts before it pads",
        ),
        (ResNet, dict(width=2), r"7x7 with 64 channels, this one is 7x7 with 128 \(width=2\)"),
        (ResNet, dict(stem="3x3"), r"this one is 3x3 with 64"),
        (BEiTViT, dict(qkv_bias="qkv"), r"no bias of the keys"),
        (BEiTViT, dict(rel_pos="block", window_size=2), r"a class token and no windows \(window_size=2\)"),
        (BEiTViT, dict(rel_pos="none", window_size=2, pos_embed="zeros"), r"no windows"),
    ],
)
def test_what_does_not_fit_timm_is_refused_with_the_reason(
    tmp_path: Path, cls: type, settings: dict, reason: str
) -> None:
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    encoder = read_encoder(tmp_path / "run.pth")
    with pytest.raises(UsageError, match=reason):
        export(encoder, "timm", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()
    assert export(encoder, "safetensors", tmp_path / "out.safetensors")[1] == 0


@pytest.mark.parametrize("target", ["timm", "torchvision"])
def test_resnet50_loads_into_both_libraries(tmp_path: Path, target: str) -> None:
    model = write_checkpoint(tmp_path / "run.pth", ResNet, depth=50, img_size=64)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), target, tmp_path / "out.pth")
    theirs = what_is_printed(usage)  # loads strictly
    assert len(theirs.state_dict()) == 318 and not any(name.startswith("fc") for name in theirs.state_dict())
    images, model.out_type = torch.randn(2, 3, 96, 64, dtype=torch.float64), "avg"
    with torch.no_grad():
        torch.testing.assert_close(theirs.double()(images), model.double()(images)[-1], rtol=0, atol=1e-9)
    assert difference < 1e-5


BOTTLENECK = dict(block="bottleneck", depths=(1, 2, 2, 2))


@pytest.mark.parametrize(
    "settings", [dict(depth=18), {}, *(dict(depth=BOTTLENECK, output_stride=stride) for stride in (32, 16, 8))]
)
def test_torchvision_gives_our_features(tmp_path: Path, settings: dict) -> None:
    model = write_checkpoint(tmp_path / "run.pth", ResNet, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "torchvision", tmp_path / "out.pth")
    theirs = what_is_printed(usage).double()
    images, model.out_type = torch.randn(2, 3, 96, 64, dtype=torch.float64), "avg"
    with torch.no_grad():
        features = model.double()(images)[-1]
        torch.testing.assert_close(theirs(images), features, rtol=0, atol=1e-10)
    assert difference < 1e-5 and features.std() > 0.05


@pytest.mark.parametrize(
    ("cls", "settings", "reason"),
    [
        (ViT, {}, "only a ResNet has torchvision's parameter names, this is a ViT"),
        (ResNet, dict(width=4), r"torchvision's ResNet is 7x7 with 64 channels, this one is 7x7 with 256 \(width=4\)"),
        (ResNet, dict(stem="3x3"), r"this one is 3x3 with 64"),
        (ResNet, dict(in_channels=4), r"takes 3 channels, this one in_channels=4; use --to timm"),
        (ResNet, dict(output_stride=16), r"its BasicBlock cannot be dilated \(output_stride=16\)"),
    ],
)
def test_what_does_not_fit_torchvision_is_refused_with_the_reason(
    tmp_path: Path, cls: type, settings: dict, reason: str
) -> None:
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    with pytest.raises(UsageError, match=reason):
        export(read_encoder(tmp_path / "run.pth"), "torchvision", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


@pytest.mark.parametrize(
    ("cls", "settings", "name"),
    [
        (Swin, dict(arch="tiny", img_size=224, patch_size=4, window_size=7), "swin_tiny_patch4_window7_224"),
        (SwinV2, dict(arch="tiny", img_size=256, patch_size=4, window_size=8), "swinv2_tiny_window8_256"),
        (ResNet, dict(depth=18, img_size=64), "resnet18"),
    ],
)
def test_named_archs_of_other_backbones(tmp_path: Path, cls: type, settings: dict, name: str) -> None:
    if cls is SwinV2:
        settings["pretrained_window_sizes"] = (0, 0, 0, 0)
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out.pth")
    assert usage.startswith(f"model = timm.create_model({name!r}, num_classes=0") and difference < 1e-5


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


def test_swin_of_mmpretrain_by_names_and_columns(tmp_path: Path) -> None:
    """Renaming and column order as SimMIM's sheet gives them: column c*4 + [0,2,1,3][k] is our column k*C + c."""
    write_checkpoint(tmp_path / "run.pth", Swin, img_size=32)
    encoder = read_encoder(tmp_path / "run.pth")
    stored = {name.removeprefix("backbone."): value for name, value in to_mmpretrain(encoder).items()}
    ours = encoder.state
    assert torch.equal(stored["patch_embed.projection.weight"], ours["patch_embed.proj.weight"])
    block, stage = "stages.1.blocks.0.", "layers.1.blocks.0."
    assert torch.equal(stored[block + "attn.w_msa.qkv.weight"], ours[stage + "attn.qkv.weight"])
    assert torch.equal(stored[block + "ffn.layers.0.0.bias"], ours[stage + "mlp.fc1.bias"])
    assert torch.equal(stored[block + "ffn.layers.1.weight"], ours[stage + "mlp.fc2.weight"])
    assert torch.equal(stored["norm2.weight"], ours["norm.weight"])
    theirs, merge, channels = stored["stages.0.downsample.reduction.weight"], "layers.1.downsample.", 16
    for slot, pixel in enumerate((0, 2, 1, 3)):
        for channel in range(channels):
            column = ours[merge + "reduction.weight"][:, slot * channels + channel]
            assert torch.equal(theirs[:, channel * 4 + pixel], column)
            entry = stored["stages.0.downsample.norm.bias"][channel * 4 + pixel]
            assert entry == ours[merge + "norm.bias"][slot * channels + channel]
    assert sorted(merge_order(5).tolist()) == list(range(20))


@pytest.mark.parametrize("window", [2, 7], ids=["windows that divide the maps", "padded maps"])
def test_swin_of_mmsegmentation_gives_our_features(tmp_path: Path, window: int) -> None:
    """Its Swin has mmpretrain's layout and always pads: names and columns in a model that loads them strictly."""
    from mmseg.models.backbones.swin import SwinTransformer

    arch = dict(embed_dims=16, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8))
    model = write_checkpoint(
        tmp_path / "run.pth",
        Swin,
        arch=arch,
        window_size=window,
        dynamic_size=True,
    )
    theirs = SwinTransformer(
        embed_dims=16,
        patch_size=2,
        strides=(2, 2, 2, 2),
        depths=arch["depths"],
        num_heads=arch["num_heads"],
        window_size=window,
        out_indices=(3,),
    )
    theirs.eval()  # returns nothing
    stored = to_mmpretrain(read_encoder(tmp_path / "run.pth"))
    loaded = theirs.load_state_dict({name.removeprefix("backbone."): value for name, value in stored.items()})
    assert not loaded.missing_keys and not loaded.unexpected_keys
    images = torch.randn(2, 3, *model.img_size, dtype=torch.float64)
    model.out_type = "featmap"
    with torch.no_grad():
        torch.testing.assert_close(theirs.double()(images)[-1], model.double()(images)[-1], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (BEiTViT, {}),
        (BEiTViT, dict(rel_pos="block", final_norm=False)),
        (BEiTViT, dict(rel_pos="none", layer_scale=None, qkv_bias="qkv")),
        (Swin, dict(img_size=32, window_size=8)),
        (SwinV2, dict(img_size=32)),
        (SwinV2, dict(img_size=32, extra_norm_every_n_blocks=2)),
    ],
)
def test_mmpretrain_there_and_back(tmp_path: Path, cls: type, settings: dict) -> None:
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    encoder = read_encoder(tmp_path / "run.pth")
    usage, difference = export(encoder, "mmpretrain", tmp_path / "out.pth")
    stored = torch.load(tmp_path / "out.pth")["state_dict"]
    back = from_mmpretrain(encoder, stored)
    assert difference == 0 and list(back) == list(encoder.state)
    assert all(torch.equal(back[name], value) for name, value in encoder.state.items())
    tables = [name for name in stored if name.endswith("bias_table")]
    for name in tables:  # mmpretrain deletes the index of a table that it resizes, and fails where there is none
        index = stored[name.replace("bias_table", "index")]
        assert index.max() == len(stored[name]) - 1 and index.min() == 0
    names: dict = {}
    exec(usage, names)
    assert names["backbone"]["init_cfg"]["prefix"] == "backbone."


def test_swin_v2_of_mmpretrain(tmp_path: Path) -> None:
    """As its swin_transformer_v2.py builds them: a stage begins with its merge, whose norm follows the reduction."""
    write_checkpoint(tmp_path / "run.pth", SwinV2, img_size=32, extra_norm_every_n_blocks=2)
    encoder = read_encoder(tmp_path / "run.pth")
    stored = {name.removeprefix("backbone."): value for name, value in to_mmpretrain(encoder).items()}
    assert torch.equal(stored["stages.1.downsample.norm.weight"], encoder.state["layers.1.downsample.norm.weight"])
    reduction = encoder.state["layers.2.downsample.reduction.weight"]
    assert torch.equal(stored["stages.2.downsample.reduction.weight"], reduction[:, merge_order(32)])
    assert {"stages.0.blocks.1.norm3.weight", "stages.0.blocks.0.attn.w_msa.cpb_mlp.0.weight", "norm2.bias"} <= set(
        stored
    )


def test_windows_that_mmpretrain_does_not_have_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", Swin, window_size=8)  # 16x32, 8x16 and 4x8 tokens
    with pytest.raises(UsageError, match=r"its windows are square, .* \[\(8, 8\), \(8, 8\), \(4, 8\)\]"):
        export(read_encoder(tmp_path / "run.pth"), "mmpretrain", tmp_path / "out.pth")
    write_checkpoint(tmp_path / "run.pth", BEiTViT, rel_pos="none", layer_scale=None, qkv_bias="qkv", window_size=2)
    with pytest.raises(UsageError, match="its BEiTViT has a class token and no windows"):
        export(read_encoder(tmp_path / "run.pth"), "mmpretrain", tmp_path / "out.pth")


def test_resnet_needs_no_other_names_for_mmpretrain(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", ResNet)
    with pytest.raises(UsageError, match="its ResNet has the names of torchvision, as ours has"):
        export(read_encoder(tmp_path / "run.pth"), "mmpretrain", tmp_path / "out.pth")


def test_without_positions_mmpretrain_gets_zeros(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", pos_embed="none")
    export(read_encoder(tmp_path / "run.pth"), "mmpretrain", tmp_path / "out.pth")
    table = torch.load(tmp_path / "out.pth")["state_dict"]["backbone.pos_embed"]
    assert table.shape == (1, 1 + 4 * 6, 32) and not table.any()


def test_differing_features_are_refused(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = read_encoder(checkpoint)
    right = ViT.timm_model(encoder.meta, encoder.state)
    wrong = right._replace(arguments=dict(right.arguments, num_heads=4))
    monkeypatch.setattr(ViT, "timm_model", lambda *_: wrong)
    with pytest.raises(UsageError, match=r"features differ by .* \(limit 1e-05\); nothing is written"):
        export(encoder, "timm", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_files_that_are_no_checkpoints_are_named(tmp_path: Path) -> None:
    file = tmp_path / "some.pth"
    with pytest.raises(UsageError, match="there is no such file"):
        read_encoder(file)
    file.write_text("hello", encoding="utf-8")
    with pytest.raises(UsageError, match="not a PyTorch checkpoint"):
        read_encoder(file)
    torch.save(dict(model=dict(weight=torch.zeros(1))), file)
    with pytest.raises(UsageError, match="not a checkpoint of mmmim"):
        read_encoder(file)
    torch.save(dict(state_dict={"encoder.x": torch.zeros(1)}, meta=dict(mmmim={})), file)
    with pytest.raises(UsageError, match=r"no tensor starts with 'backbone\.'; the file holds encoder\.x"):
        read_encoder(file)
    torch.save(dict(state_dict={"backbone.x": torch.zeros(1)}, meta=dict(mmmim=dict(backbone="MLP"))), file)
    with pytest.raises(UsageError, match=r"only BEiTViT, .*ViT can be exported, this is a MLP"):
        read_encoder(file)


def test_a_pytorch_file_is_not_named_safetensors(tmp_path: Path, checkpoint: Path) -> None:
    out = tmp_path / "vit.safetensors"
    with pytest.raises(UsageError, match=r"--to timm writes a PyTorch file; name it \.pth, or use --to safetensors"):
        export(read_encoder(checkpoint), "timm", out)
    assert not out.exists()


def test_command_line(tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "new" / "vit.pth"
    assert (
        run_tool(
            export_command.export_file, export_command.parse_args([str(checkpoint), "--to", "timm", "--out", str(out)])
        )
        == 0
    )
    assert len(torch.load(out)) == 30
    printed = capsys.readouterr().out
    assert "30 tensors written to" in printed and "differ by at most" in printed
    arguments = export_command.parse_args([str(tmp_path / "nothing.pth"), "--to", "timm", "--out", str(out)])
    assert run_tool(export_command.export_file, arguments) == 2
    assert "nothing.pth: there is no such file" in capsys.readouterr().err
