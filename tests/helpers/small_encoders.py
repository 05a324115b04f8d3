"""Checkpoints of tiny encoders of every kind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import timm
import torch
import torchvision

from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

ARCH = dict(embed_dims=32, depth=2, num_heads=2, mlp_ratio=3)
STAGES = dict(embed_dims=16, depths=(2, 2, 2), num_heads=(1, 2, 4))
VIT = dict(arch=ARCH, img_size=(32, 48), patch_size=8)
SWIN = dict(arch=STAGES, img_size=(32, 64), patch_size=2, window_size=4)
SWIN_V2 = dict(SWIN, pretrained_window_sizes=(0, 0, 0))
RESNET = dict(depth=dict(block="basic", depths=(1, 2, 1, 1)), img_size=(64, 96))


def write_checkpoint(path: Path, cls: type = ViT, **settings):
    """Write a checkpoint of a tiny encoder with random weights and return the encoder."""
    torch.manual_seed(0)
    defaults = {ViT: VIT, BEiTViT: VIT, Swin: SWIN, SwinV2: SWIN_V2, ResNet: RESNET}[cls]
    model = cls(**(defaults | settings)).eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    images = dict(mean=[120.0] * model.in_channels, std=[58.0] * model.in_channels)
    state = {f"backbone.{name}": value for name, value in model.state_dict().items()}
    state |= {"neck.decoder_pred.weight": torch.zeros(1), "projector.0.weight": torch.zeros(1)}
    torch.save(dict(state_dict=state, meta=dict(mmmim=dict(model.describe(), method="CCMIM", **images))), path)
    return model


def what_is_printed(usage: str) -> torch.nn.Module:
    """Run the lines that an export prints and return the model they build."""
    names = dict(timm=timm, torchvision=torchvision, torch=torch, partial=partial)
    exec(usage, names)
    return names["model"].eval()
