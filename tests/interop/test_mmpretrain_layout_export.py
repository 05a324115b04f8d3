"""Encoders travel to MMPretrain and MMSegmentation and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, from_mmpretrain, read_encoder, to_mmpretrain
from mmmim.interop.mmpretrain_layout import merge_order, mmpretrain_name
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2


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
