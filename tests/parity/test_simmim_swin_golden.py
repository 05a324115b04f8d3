"""Swin and SwinV2 under SimMIM's mask against numbers of the official models (microsoft/SimMIM, Swin-Transformer).

Weights follow a rule on the official parameter names; float64. The linear head (1x1 convolution and pixel shuffle)
and the losses over masked pixels are written out here.
"""

import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.backbones import Swin, SwinV2
from mmmim.models.backbones.swin_names import official_to_timm, timm_to_official
from mmmim.models.layers import PatchMask

SMALL = dict(embed_dims=16, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8))
MODELS = {
    "swin_c16": (Swin, SMALL, 6, 2),
    "swin_base": (Swin, "base", 6, 2),
    "swin_large": (Swin, "large", 12, 1),
    "swinv2_c16": (SwinV2, SMALL, 12, 2),
}
# mean |z|, z[0,0,0,0], mean |y|, y[0,2,31,5], l1, l2, smooth-l1, l1 over all pixels
GOLDEN = {
    "swin_c16": (
        *(0.8191987103, -0.2165150325, 0.1853737440, -0.3635275994),
        *(0.8176671098, 1.0506667611, 0.4416377141, 0.8173072458),
    ),
    "swin_base": (
        *(0.8020057335, 0.2281776870, 0.5108593429, -0.2243404268),
        *(0.9472346940, 1.4094354526, 0.5552692009, 0.9482748308),
    ),
    "swin_large": (
        *(0.7972014938, 0.6621390014, 0.6232417289, 1.2016040661),
        *(1.0093779935, 1.6055994544, 0.6117928401, 1.0098041097),
    ),
    "swinv2_c16": (
        *(0.8079780651, 2.9643271402, 0.1809957022, -0.2023935601),
        *(0.8173508267, 1.0488908520, 0.4411779234, 0.8167595727),
    ),
}


def value(name: str, shape: tuple[int, ...]) -> Tensor:
    """What the rule puts into a parameter of this official name."""
    r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    owner, leaf = name.split(".")[-2:] if "." in name else ("", name)
    if "relative_position_bias_table" in name or "cpb_mlp" in name:
        r = 0.5 * r
    elif leaf == "logit_scale":
        r = np.log(10) + 0.1 * r
    elif owner.startswith("norm"):
        r = 1 + 0.1 * r if leaf == "weight" else 0.02 * r
    else:
        r = 0.02 * r
    return torch.from_numpy(r.astype(np.float32))


def masks(batch: int, stride: int = 8) -> Tensor:
    """22 of 36 cells per image on the token grid (B, 48, 48)."""
    random, cells = np.random.RandomState(1), torch.zeros(batch, 36, dtype=torch.bool)
    for row in cells:
        row[random.permutation(36)[:22]] = True
    return cells.view(batch, 6, 6).repeat_interleave(stride, 1).repeat_interleave(stride, 2)


@pytest.mark.parametrize("name", MODELS)
def test_numbers_of_the_official_models(name: str) -> None:
    kind, arch, window, batch = MODELS[name]
    with torch.device("cpu"), torch.no_grad():
        model = kind(arch, img_size=192, window_size=window, out_type="featmap", dynamic_size=False).eval()
        for ours, parameter in model.named_parameters():
            official = timm_to_official(ours)
            assert official_to_timm("encoder." + official) == ours
            parameter.copy_(value("encoder." + official, tuple(parameter.shape)))
        model.double()
        dim = model.embed_dims
        images = torch.from_numpy(np.random.RandomState(0).standard_normal((batch, 3, 192, 192)))
        mask = masks(batch)
        z = model(images, PatchMask.from_bool(mask, 22 * 64))[-1]
        weight = value("decoder.0.weight", (3072, dim, 1, 1)).double()
        y = F.pixel_shuffle(F.conv2d(z, weight, value("decoder.0.bias", (3072,)).double()), 32)

    hidden = mask.repeat_interleave(4, 1).repeat_interleave(4, 2).unsqueeze(1).double()  # (B,1,192,192)

    def masked(loss: Tensor) -> float:
        return ((loss * hidden).sum() / hidden.sum() / 3).item()

    error = (y - images).abs()
    smooth = F.smooth_l1_loss(y, images, reduction="none")
    measured = (
        *(z.abs().mean().item(), z[0, 0, 0, 0].item(), y.abs().mean().item(), y[0, 2, 31, 5].item()),
        *(masked(error), masked(error**2), masked(smooth), error.mean().item()),
    )
    assert measured == pytest.approx(GOLDEN[name], abs=1e-7)
