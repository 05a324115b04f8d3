from __future__ import annotations

import pytest
import torch
from degraded import SIZE, pictures
from many_degradations import every, name_of
from torch import Tensor

from mmmim.models.degradations import (
    Degradation,
    RandomKernelBlur,
    SaturationScale,
    ZoomOut,
)


@pytest.mark.parametrize("degradation", every(), ids=name_of)
@pytest.mark.parametrize(
    "images, problem",
    [
        (torch.zeros(2, 3, *SIZE, dtype=torch.uint8), "floating point images, got torch.uint8"),
        (torch.zeros(3, *SIZE), r"expected \(B, C, H, W\)"),
        (torch.full((2, 3, *SIZE), float("nan")), "not finite"),
    ],
)
def test_bad_images(degradation: Degradation, images: Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        degradation(images, **degradation.sample(SIZE, 2))


def test_other_bad_images() -> None:
    one = pictures(1)
    with pytest.raises(ValueError, match="another image of the batch, and a process has 1;"):
        ZoomOut(48, pad="other")(one, **ZoomOut(48).sample(SIZE, 1))
    with pytest.raises(ValueError, match=r"colours between .*, expected \[0, 1\]"):
        SaturationScale()(one * 2)
    assert SaturationScale()(one * 1.0005).isfinite().all()
    with pytest.raises(ValueError, match="needs RGB images, got 1 channels"):
        SaturationScale()(one[:, :1])
    with pytest.raises(ValueError, match="set in_channels=1"):
        RandomKernelBlur()(one[:, :1], **RandomKernelBlur().sample(SIZE, 1))
