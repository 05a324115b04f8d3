"""A tiny Swin with weights under which every parameter matters."""

import torch
from torch import nn

from mmmim.models.backbones import Swin

SMALL = dict(embed_dims=8, depths=(2, 2, 2), num_heads=(1, 2, 4))


def swin(**options) -> Swin:
    """Return three stages of 12x24, 6x12 and 3x6 tokens in windows of 3x3."""
    options = dict(dict(arch=SMALL, img_size=(48, 96), window_size=3, in_channels=5), **options)
    return Swin(**options).eval()


def scrambled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Change a model's weights so that every parameter matters, and return the model."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator).to(parameter))
    return model
