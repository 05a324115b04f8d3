"""BEiTViT under SimMIM's mask against numbers of the official model (microsoft/SimMIM).

Weights follow a rule on the official parameter names, which are ours; float64. The linear head (1x1 convolution and
pixel shuffle) and the losses over masked pixels are written out here.
"""

import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.backbones import BEiTViT
from mmmim.models.layers import PatchMask

# mean |z|, z[0,0,0,0], mean |y|, y[0,2,31,5], l1, l2, smooth-l1, l1 over all pixels
GOLDEN = {
    "dim64": (
        *(0.7963282900, 0.9582219347, 0.1314206791, -0.0422622267),
        *(0.8073552392, 1.0234222672, 0.4326643615, 0.8074225495),
    ),
    "base": (
        *(0.8042774944, 0.9154790593, 0.4449153927, 0.5717308270),
        *(0.9142372852, 1.3152478175, 0.5261277989, 0.9141509859),
    ),
}


def value(name: str, shape: tuple[int, ...]) -> Tensor:
    """What the rule puts into a parameter of this official name."""
    r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    owner, leaf = name.split(".")[-2:]
    if leaf.startswith("gamma_"):
        r = 0.1 + 0.02 * r
    elif leaf == "relative_position_bias_table":
        r = 0.5 * r
    elif owner.startswith("norm"):
        r = 1 + 0.1 * r if leaf == "weight" else 0.02 * r
    else:
        r = 0.02 * r
    return torch.from_numpy(r.astype(np.float32))


def masks(batch: int) -> Tensor:
    """30 of 49 cells of 32 pixels per image on the token grid (B, 14, 14)."""
    random, cells = np.random.RandomState(1), torch.zeros(batch, 49, dtype=torch.bool)
    for row in cells:
        row[random.permutation(49)[:30]] = True
    return cells.view(batch, 7, 7).repeat_interleave(2, 1).repeat_interleave(2, 2)


@pytest.mark.parametrize("name", ["dim64", pytest.param("base", marks=pytest.mark.slow)])
def test_numbers_of_the_official_model(name: str) -> None:
    arch = "base" if name == "base" else dict(embed_dims=64, depth=2, num_heads=4)
    with torch.no_grad():
        model = BEiTViT(arch, out_type="featmap").eval()
        for ours, parameter in model.named_parameters():
            parameter.copy_(value("encoder." + ours, tuple(parameter.shape)))
        model.double()
        images = torch.from_numpy(np.random.RandomState(0).standard_normal((2, 3, 224, 224)))
        mask = masks(2)
        z = model(images, PatchMask.from_bool(mask, 120))[-1]
        weight = value("decoder.0.weight", (768, model.embed_dims, 1, 1)).double()
        y = F.pixel_shuffle(F.conv2d(z, weight, value("decoder.0.bias", (768,)).double()), 16)

    hidden = mask.repeat_interleave(16, 1).repeat_interleave(16, 2).unsqueeze(1).double()  # (B,1,224,224)

    def masked(loss: Tensor) -> float:
        return ((loss * hidden).sum() / hidden.sum() / 3).item()

    error = (y - images).abs()
    smooth = F.smooth_l1_loss(y, images, reduction="none")
    measured = (
        *(z.abs().mean().item(), z[0, 0, 0, 0].item(), y.abs().mean().item(), y[0, 2, 31, 5].item()),
        *(masked(error), masked(error**2), masked(smooth), error.mean().item()),
    )
    assert measured == pytest.approx(GOLDEN[name], abs=1e-7)
