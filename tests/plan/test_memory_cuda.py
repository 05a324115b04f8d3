"""Activations of a training step on a CUDA device, which need not be there, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn import functional as F

from mmmim.plan.memory import fake_copy, kept_for_backward
from mmmim.registry import MODELS

FLASH_STATE, EFFICIENT_STATE = 24, 16  # bytes that the two attention kernels keep of the generator
B, N, D, H = 2, 64, 32, 4  # images, tokens, width, heads
IMAGES = dict(img_size=32, patch_size=4)


def kept(module: nn.Module, *shape: int, run: Callable[[Any, Tensor], Any] | None = None) -> int:
    """Bytes kept of ``module`` in bfloat16 for an input of ones that needs no gradient."""
    with fake_copy(module, "cuda") as fake:
        images = torch.ones(*shape, device="cuda")
        with kept_for_backward(fake, torch.bfloat16) as found:
            (run or (lambda model, x: model(x)))(fake, images)
        return found.bytes


def build(kind: str, **options: Any) -> nn.Module:
    if kind in ("BEiTViT", "Swin"):
        options["mask_mode"] = None
    with DefaultScope.overwrite_default_scope("mmmim"):
        return MODELS.build(dict(type=f"mmmim.{kind}", **options))


def test_autocast_is_that_of_cuda() -> None:
    found: dict[str, torch.dtype] = {}

    def run(model: Any, x: Tensor) -> None:
        low = model[0](x)
        image = model[2](x.view(1, 1, 64, 64))
        found.update(
            linear=low.dtype,
            gelu=F.gelu(low).dtype,
            conv=image.dtype,
            batch_norm=model[3](image).dtype,
            matmul=(low @ low.mT).dtype,
            layer_norm=model[1](low).dtype,
            softmax=low.softmax(-1).dtype,
            l1_loss=F.l1_loss(low, low).dtype,
            cross_entropy=F.cross_entropy(low.flatten(0, 1), torch.zeros(128, dtype=torch.long, device="cuda")).dtype,
        )

    parts = nn.ModuleList([nn.Linear(D, D), nn.LayerNorm(D), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)])
    kept(parts, B, N, D, run=run)
    low = ("linear", "gelu", "conv", "batch_norm", "matmul")
    assert found == {name: torch.bfloat16 if name in low else torch.float32 for name in found}
    assert not torch.is_autocast_enabled("cuda")


def test_layer_norm_between_linear_layers() -> None:
    """Autocast casts the input, the norm's input back to fp32, its output and the second layer's weight."""
    n = B * N
    expected = 2 * n * D + (4 * n * D + 4 * n + 4 * n) + 2 * n * D + 2 * D * D
    assert kept(nn.Sequential(nn.Linear(D, D), nn.LayerNorm(D), nn.Linear(D, D)), B, N, D) == expected


def test_softmax_keeps_an_fp32_output() -> None:
    n = B * N
    assert kept(nn.Sequential(nn.Linear(D, D), nn.Softmax(-1)), B, N, D) == 2 * n * D + 4 * n * D


class Attention(nn.Module):
    def __init__(self, tokens: int, bias: bool) -> None:
        super().__init__()
        self.qkv = nn.Parameter(torch.zeros(3, B, H, tokens, D // H))
        self.bias = nn.Parameter(torch.zeros(1, H, tokens, tokens)) if bias else None

    def forward(self, _: Tensor) -> Tensor:
        q, k, v = self.qkv
        return F.scaled_dot_product_attention(q, k, v, self.bias)


def test_attention_keeps_no_matrix_but_a_bias() -> None:
    width = D // H
    for tokens, bias, held in (
        (64, False, 0),
        (64, True, 2 * H * 64 * 64),  # shared by the images
        (49, True, 2 * H * 49 * 56),  # rows at multiples of 8 elements
    ):
        heads = 2 * B * H * tokens * width  # each of q, k, v and the output in bfloat16
        log_sums = 4 * B * H * (-(-tokens // 32) * 32 if bias else tokens)  # the memory-efficient kernel pads them
        state = EFFICIENT_STATE if bias else FLASH_STATE
        assert kept(Attention(tokens, bias), 1) == 4 * heads + log_sums + held + state, (tokens, bias)


def norms(n: int) -> int:
    """Two LayerNorms of a block and the linear layers after them, of which only the norms' inputs are kept, in fp32."""
    return 2 * 4 * n * D


PROJ = 2 * D * D  # the cast weight of a block's only other linear layer, as the last one keeps none


def test_block_of_a_vit() -> None:
    n = B * (1 + N)
    attention = 4 * 2 * n * D + 4 * n * H + FLASH_STATE  # q, k, v, output
    mlp = 2 * n * 4 * D  # before the GELU
    arch = dict(embed_dims=D, num_heads=H)
    one, two = (kept(build("ViT", arch=dict(arch, depth=d), **IMAGES), B, 3, 32, 32) for d in (1, 2))
    assert two - one == norms(n) + attention + mlp + PROJ


def test_block_of_beit() -> None:
    """A bias of its relative positions, LayerScale, and an MLP that keeps nothing after the GELU."""
    n = B * (1 + N)
    attention = 4 * 2 * n * D + 4 * B * H * 96 + 2 * H * 65 * 72 + EFFICIENT_STATE
    mlp, scales = 2 * n * 4 * D, 2 * 2 * n * D
    arch = dict(embed_dims=D, num_heads=H)
    one, two = (kept(build("BEiTViT", arch=dict(arch, depth=d), **IMAGES), B, 3, 32, 32) for d in (1, 2))
    assert two - one == norms(n) + attention + mlp + scales + PROJ


@pytest.mark.parametrize("window", [8, 4])
def test_block_of_swin(window: int) -> None:
    """One bias for all images and windows; the second block of the smaller windows has one for each window."""
    n, area, windows = B * N, window**2, (8 // window) ** 2
    padded = area + 8  # rows at multiples of 8 elements, where heads stand last in the table
    biases = [windows if windows > 1 and shifted else 1 for shifted in (False, True)]
    heads = 4 * 2 * n * D + (2 * n * D if windows > 1 else 0)  # q, k, v, output, and the output without its windows
    attention = [heads + 4 * n * H + 2 * each * H * area * padded + EFFICIENT_STATE for each in biases]
    mlp = 2 * n * 4 * D
    sizes = [
        kept(
            build("Swin", arch=dict(embed_dims=D, depths=(d,), num_heads=(H,)), window_size=window, **IMAGES),
            B,
            3,
            32,
            32,
        )
        for d in (2, 4)
    ]
    assert sizes[1] - sizes[0] == sum(attention) + 2 * (norms(n) + mlp + PROJ)


def test_bottleneck_of_a_resnet() -> None:
    """The third stage's, on maps of 4 x 4: all in bfloat16 but the statistics of its norms."""
    pixels, inner, outer = B * 16, 256, 1024
    convolutions = 2 * (outer * inner + 9 * inner * inner + inner * outer)
    maps = 2 * pixels * (2 * inner + 2 * inner + 2 * outer)  # before each norm and after each ReLU
    statistics = 8 * (inner + inner + outer)
    one, two = (kept(build("ResNet", depth=depth, mask_mode=None), B, 3, 64, 64) for depth in (50, 101))
    assert two - one == 17 * (convolutions + maps + statistics)
