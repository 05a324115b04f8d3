"""All toy recipes of pre-training on other images than theirs: other sizes, not square, not three channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from shipped import CONFIGS
from torch import Tensor

from mmmim.models.layers import resize_pos_embed
from mmmim.registry import MODELS

TOYS = sorted(CONFIGS.glob("*/*_toy.py"))
RGB_ONLY = {  # what refuses other images when the model is built
    "beit/vit-tiny": "TokenTarget works on RGB",
    "beyond_masking/vit-tiny_decolorized": "SaturationScale works on RGB",
    "cim/vit-tiny_generator": "TokenTarget works on RGB",
    "cim/": "in_channels=5: tokenizers paint RGB images",
    "conmim/": "PhotometricView works on RGB",
    "tokenizer/": "TinyDVAE works on RGB",
}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def build(path: Path, channels: int = 3) -> Any:
    init_default_scope("mmmim")
    model = Config.fromfile(path).model
    arch = model.get("backbone", {}).get("arch", {})
    if "depth" in arch:
        arch.depth = 2
    if "size" in (model.get("degradation") or {}):  # of a part of the image, which need not be square
        model.degradation.size = (48, 48)
    if channels != 3:
        model.data_preprocessor.update(mean=[100.0] * channels, std=[50.0] * channels)
        if "backbone" in model:
            model.backbone.in_channels = channels
    return MODELS.build(model)


def trains_and_predicts(model: Any, channels: int, size: tuple[int, int], seen: tuple[int, int] | None = None) -> None:
    """One step and one picture, of the size that the encoder has ``seen``, by default that of the crop."""
    pixels = torch.randint(0, 256, (2, channels, *size), dtype=torch.uint8)
    images: Tensor = model.data_preprocessor(dict(inputs=pixels))["inputs"]
    if hasattr(model, "set_step"):
        model.set_step(0, 0)
    total, _ = model.train().parse_losses(model(images, mode="loss"))
    total.backward()
    assert total.isfinite() and any(p.grad.abs().sum() > 0 for p in model.parameters() if p.grad is not None)
    picture = model.eval()(images, mode="predict")
    assert picture["output"].shape == picture["target"].shape == (2, channels, *(seen or size))
    assert picture["output"].isfinite().all()


@pytest.mark.parametrize("toy", TOYS, ids=name_of)
def test_images_of_any_size(toy: Path) -> None:
    model = build(toy)
    for size in ((96, 96), (64, 96), (96, 64)):
        if "integrated" in toy.stem:
            trains_and_predicts(model, 3, (size[0] + 32, size[1] + 16), seen=(64, 64))
        else:
            trains_and_predicts(model, 3, size)


@pytest.mark.parametrize("toy", TOYS, ids=name_of)
def test_images_of_any_number_of_channels(toy: Path) -> None:
    problem = next((text for name, text in RGB_ONLY.items() if name_of(toy).startswith(name)), None)
    if problem is not None:
        with pytest.raises(ValueError, match=problem):
            build(toy, channels=5)
    elif "integrated" in toy.stem:
        trains_and_predicts(build(toy, channels=5), 5, (96, 80), seen=(64, 64))
    else:
        trains_and_predicts(build(toy, channels=5), 5, (64, 96))


ARCH = dict(embed_dims=16, depth=1, num_heads=2)
OTHERS: dict[str, dict[str, Any]] = {  # encoders, decoders and targets of no toy
    "SwinV2, Swin upside down": dict(
        backbone=dict(
            type="mmmim.SwinV2",
            arch=dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2)),
            img_size=32,
            window_size=4,
            pretrained_window_sizes=(0, 0),
        ),
        neck=dict(type="mmmim.InverseSwinDecoder", dims=8, depths=(2, 2), num_heads=(2, 1), window_size=2),
        masker=dict(type="mmmim.RandomMasker", cell_size=8),
    ),
    "ResNet, histograms of gradients": dict(
        backbone=dict(type="mmmim.ResNet", depth=dict(block="basic", depths=(1, 1, 1, 1), channels=4), img_size=32),
        neck=dict(type="mmmim.LinearDecoder"),
        target_generator=dict(type="mmmim.HOGTarget"),
        masker=dict(type="mmmim.RandomMasker", mask_ratio=0.6),
        head=dict(type="mmmim.ReconstructionHead", scope="all"),
    ),
    "tables of blocks, colour bins": dict(
        backbone=dict(type="mmmim.BEiTViT", arch=ARCH, img_size=32, patch_size=8, rel_pos="block", pos_embed="learned"),
        neck=dict(type="mmmim.LinearDecoder"),
        target_generator=dict(type="mmmim.ColorBinTarget", downsample=4, mean=[100.0] * 5, std=[50.0] * 5),
        masker=dict(type="mmmim.BlockMasker", min_block=2),
        head=dict(type="mmmim.CrossEntropyHead"),
    ),
    "no mask, no class token, one-dimensional positions": dict(
        backbone=dict(
            type="mmmim.ViT", arch=ARCH, img_size=32, patch_size=8, pos_embed="sincos1d", with_cls_token=False
        ),
        neck=dict(type="mmmim.MAEDecoder", dims=8, depth=1, num_heads=2, pos_embed="sincos1d"),
        degradation=dict(type="mmmim.Fisheye"),
        head=dict(type="mmmim.ReconstructionHead", scope="all"),
    ),
}


@pytest.mark.parametrize("parts", OTHERS.values(), ids=OTHERS.keys())
def test_other_parts_on_images_of_any_size(parts: dict[str, Any]) -> None:
    config = dict(target_generator=dict(type="mmmim.PixelTarget")) | parts
    config["backbone"] = dict(config["backbone"], in_channels=5)
    preprocessor = dict(type="mmmim.ImagePreprocessor", mean=[100.0] * 5, std=[50.0] * 5)
    model = MODELS.build(dict(config, type="mmmim.MaskedImageModel", data_preprocessor=preprocessor))
    for size in ((64, 64), (32, 96), (64, 32)):
        trains_and_predicts(model, 5, size)


def test_positions_of_unmasked_patches_are_those_of_the_image() -> None:
    """A decoder of a 4 x 8 grid reads a 8 x 4 map's rows as rows."""
    neck = MODELS.build(dict(type="mmmim.MAEDecoder", in_dims=8, out_dims=4, grid=(4, 8), dims=8, depth=1, num_heads=2))
    high = MODELS.build(dict(type="mmmim.MAEDecoder", in_dims=8, out_dims=4, grid=(8, 4), dims=8, depth=1, num_heads=2))
    high.load_state_dict({k: v for k, v in neck.state_dict().items() if k != "decoder_pos_embed"}, strict=False)
    resized = resize_pos_embed(neck.decoder_pos_embed, (4, 8), (8, 4))
    high.decoder_pos_embed.data.copy_(resized)
    latent = torch.randn(2, 33, 8)
    assert neck(latent, grid=(8, 4)).equal(high(latent)) and not neck(latent).equal(high(latent))
