"""A tiny CIM with either objective and either encoder."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from palette import PaletteTokenizer
from torch import Tensor

from mmmim.models.algorithms import CIM

TRUNK: dict[str, Any] = dict(arch=dict(embed_dims=24, depth=3, num_heads=2), img_size=(64, 96), patch_size=16)
VIT = dict(
    type="mmmim.BEiTViT", rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", mask_mode=None, **TRUNK
)
RESNET = dict(
    type="mmmim.ResNet", depth=dict(block="basic", depths=(1, 1, 1, 1), channels=8), img_size=(64, 96), mask_mode=None
)
GENERATOR = dict(type="mmmim.TokenGenerator", tokenizer=dict(type=PaletteTokenizer), depth=3)
RESPIX = dict(
    loss_weights=dict(generator=1.0, enhancer=10.0),
    target_generator=dict(type="mmmim.PixelTarget", norm_pix="window_joint", window=8),
    head=dict(type="mmmim.ReconstructionHead", loss=dict(l1=1.0, l2=1.0), scope="all"),
)
REVDET = dict(target_generator=dict(type="mmmim.ReplacedTokenTarget"), head=dict(type="mmmim.BinaryCrossEntropyHead"))


def build(backbone: dict = VIT, objective: dict = RESPIX, share: int = 2, masker: dict | None = None, **changes) -> CIM:
    """Return a tiny CIM in training; the ResNet shares no layers with its generator."""
    if backbone is RESNET:
        share, width = 0, dict(embed_dims=24, num_heads=2)
    else:
        width = {}
    settings = dict(
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
        backbone=dict(backbone),
        generator=dict(GENERATOR, share_layers=share, **width),
        masker=masker or dict(type="mmmim.RandomMasker", num_masked=10),
        neck=dict(type="mmmim.LinearDecoder", init="beit"),
        **objective,
    )
    model = CIM(**(settings | changes)).train()
    model.set_step(0, 0)
    return model


def pictures(batch: int = 2) -> Tensor:
    """Return smooth normalised pictures."""
    return F.interpolate(torch.randn(batch, 3, 4, 6), (64, 96), mode="bilinear")
