from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.layers import PatchMask
from mmmim.models.target_generators.base import TargetGenerator


class Means(TargetGenerator):
    """The mean of each image."""

    dims, space = 1, "mean"

    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        return images.mean((1, 2, 3)).view(-1, 1, 1)


class Drawn(Means):
    """The same, with a picture of one grey."""

    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        return values.view(-1, 1, 1, 1).expand_as(images)


def test_pictures_need_a_method_of_the_target() -> None:
    images = torch.rand(2, 3, 4, 4)
    for draw in (Means().to_image, Means().unaided_image):
        with pytest.raises(UsageError, match="Means has no to_image: its values cannot be drawn"):
            draw(Means()(images), images)


def test_a_picture_without_the_true_image_is_the_usual_one_where_that_adds_nothing() -> None:
    images, target = torch.rand(2, 3, 4, 4), Drawn()
    values = target(images)
    assert torch.equal(target.unaided_image(values, images), target.to_image(values, images))


def test_masks_finer_than_the_outputs_need_weights() -> None:
    with pytest.raises(UsageError, match="Means has no weights: masks have to hide whole outputs"):
        Means().weights(PatchMask.from_bool(torch.ones(2, 2, 2, dtype=torch.bool)), torch.rand(2, 3, 4, 4))
