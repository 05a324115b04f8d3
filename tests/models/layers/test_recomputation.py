"""Norms and GELUs are computed again in the backward pass, products are not; losses and gradients stay the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recomputed import check_same, everything_kept, lively
from small_encoders import SWIN, SWIN_V2, VIT
from torch import Tensor, nn

from mmmim.models.backbones import BEiTViT, Swin, SwinV2, ViT
from mmmim.models.layers import PatchMask, keep_input
from mmmim.models.maskers import RandomMasker

MODULE = "mmmim.models.layers.recomputation"
ENCODERS: list[tuple[Any, dict[str, Any]]] = [
    (ViT, VIT),
    (ViT, dict(VIT, mask_mode="replace", drop_path_rate=0.5)),
    (ViT, dict(VIT, frozen_stages=1)),
    (ViT, dict(VIT, with_cp=True)),
    (BEiTViT, dict(VIT, drop_path_rate=0.5)),
    (BEiTViT, dict(VIT, rel_pos="decomposed", mask_mode=None, window_size=3, out_type="featmap")),
    (Swin, dict(SWIN, drop_path_rate=0.5)),
    (Swin, dict(SWIN, frozen_stages=2)),
    (Swin, dict(SWIN, dynamic_size=True, window_size=3)),
    (SwinV2, SWIN_V2),
]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind, settings", ENCODERS)
def test_encoders(kind: Any, settings: dict[str, Any], mode: str) -> None:
    model = lively(kind(**settings))
    getattr(model, mode)()
    images = torch.randn(3, 3, *settings["img_size"], dtype=torch.float64)
    mask = None
    if model.mask_mode is not None:
        mask = RandomMasker(0.5)(model.grid(images), 3, generator=torch.Generator().manual_seed(0))
    check_same(model, images, mask)


def test_autocast_is_the_same_in_both_passes() -> None:
    model = lively(ViT(**VIT)).float()
    images = torch.randn(3, 3, 32, 48)
    mask = PatchMask.from_keys(torch.rand(3, 24), 12, (4, 6))

    def run(images: Tensor, mask: PatchMask) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return model(images, mask)

    def found() -> dict[str, Tensor]:
        run(images, mask)[0].float().square().mean().backward()
        result = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        return result

    with everything_kept():
        expected = found()
    torch.testing.assert_close(found(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("frozen", ["nothing", "weight", "bias", "norm", "input", "all but input"])
def test_parts_that_need_no_gradient(frozen: str) -> None:
    torch.manual_seed(0)
    norm, linear, x = nn.LayerNorm(8).double(), nn.Linear(8, 4).double(), torch.randn(2, 5, 8, dtype=torch.float64)
    linear.weight.requires_grad = frozen not in ("weight", "all but input")
    linear.bias.requires_grad = frozen not in ("bias", "all but input")
    norm.requires_grad_(frozen not in ("norm", "all but input"))
    x.requires_grad = frozen != "input"
    tensors = [x, linear.weight, linear.bias, *norm.parameters()]

    def gradients(output: Tensor) -> list[Tensor | None]:
        output.square().sum().backward()
        found = [tensor.grad for tensor in tensors]
        for tensor in tensors:
            tensor.grad = None
        return found

    expected = gradients(linear(norm(x)))
    found = gradients(keep_input(norm, x, linear.weight, linear.bias, norm.parameters()))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_only_the_input_is_kept() -> None:
    norm, linear = nn.LayerNorm(8), nn.Linear(8, 4)
    x = torch.randn(5, 8, requires_grad=True)
    kept: list[Tensor] = []
    parameters = {id(each) for each in (*norm.parameters(), *linear.parameters())}
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        keep_input(norm, x, linear.weight, linear.bias, norm.parameters())
    assert [tensor.shape for tensor in kept if id(tensor) not in parameters] == [x.shape]
