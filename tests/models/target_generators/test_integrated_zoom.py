"""The integrated task: its inner and outer terms."""

from __future__ import annotations

import pytest
import torch
from degraded_models import build, textured, total
from torch import Tensor

from mmmim.models.heads import IntegratedZoomHead
from mmmim.models.target_generators import IntegratedZoomTarget


def patches_with_gradient(raw: int, term: str) -> Tensor:
    """Which of the 14 x 14 predictions a term of the loss depends on, and which pixel rows."""
    target = IntegratedZoomTarget(norm_pix="patch_channel", input_size=224)(textured(1, raw))
    prediction = torch.randn(1, 196, 768, requires_grad=True)
    weights = dict(inner_weight=float(term == "inner"), band_weight=float(term == "outer"))
    total(IntegratedZoomHead(**weights).loss(prediction, target, torch.ones(1, 196, dtype=torch.bool))).backward()
    assert prediction.grad is not None
    return prediction.grad[0].view(14, 14, 16, 16, 3) != 0


@pytest.mark.parametrize("raw, first, rows", [(320, 2, (33, 190)), (288, 1, (24, 199))])
def test_inner_term_reaches_the_centre(raw: int, first: int, rows: tuple[int, int]) -> None:
    reached = patches_with_gradient(raw, "inner")
    tokens = reached.flatten(2).any(2)
    expected = torch.zeros(14, 14, dtype=torch.bool)
    expected[first : 14 - first, first : 14 - first] = True
    assert torch.equal(tokens, expected)
    pixels = reached.any(4).permute(0, 2, 1, 3).flatten(2).flatten(0, 1).any(1).nonzero().flatten()
    assert (pixels.min().item(), pixels.max().item()) == rows


@pytest.mark.parametrize("raw, expected, both", [(320, 132, 36), (288, 96, 44)])
def test_outer_term_reaches_the_ring(raw: int, expected: int, both: int) -> None:
    outer = patches_with_gradient(raw, "outer").flatten(2).any(2)
    inner = patches_with_gradient(raw, "inner").flatten(2).any(2)
    assert (outer.sum().item(), (outer & inner).sum().item()) == (expected, both)


def test_the_band_changes_neither_input_nor_inner_loss() -> None:
    model, images = build("integrated"), textured(2, 96)
    other = images.flip(3).clone()
    other[:, :, 16:80, 16:80] = images[:, :, 16:80, 16:80]
    found = []
    for batch in (images, other):
        model.set_step(0, 0)
        found.append(model.loss(batch))
    assert torch.equal(found[0]["inner"], found[1]["inner"])
    assert not torch.equal(found[0]["outer"], found[1]["outer"])
    assert torch.equal(model.degradation(images), model.degradation(other))


def test_integrated_targets_have_no_gradient_and_fit_non_square_crops() -> None:
    images = textured(2, 128)[:, :, :96].requires_grad_()
    target = IntegratedZoomTarget(8, norm_pix="patch_channel", input_size=(64, 96))(images)
    assert target.margin == (16, 16) and target.inner.shape == (2, 96, 192)
    assert not target.inner.requires_grad and not target.outer.requires_grad
    losses = IntegratedZoomHead(patch_size=8).loss(torch.randn(2, 96, 192), target)
    assert total(losses).isfinite()


@pytest.mark.parametrize("size", [64, 48, 81])
def test_crops_of_the_wrong_size(size: int) -> None:
    with pytest.raises(ValueError, match=r"no band around|larger than the input|even number"):
        build("integrated").loss(textured(2, size))
