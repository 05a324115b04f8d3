"""timm's models give the features of exported encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from small_encoders import what_is_printed, write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2


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
