from __future__ import annotations

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.models.layers import PatchMask
from mmmim.models.target_generators.dense import DenseTarget


class Colours(DenseTarget):
    """The colours themselves, at the target's resolution."""

    def forward(self, images, where=None):  # type: ignore[no-untyped-def]
        return self.patches(self.reduce(images), where)

    def to_image(self, values, images):  # type: ignore[no-untyped-def]
        raise NotImplementedError


def test_values_are_listed_patch_by_patch() -> None:
    target, images = Colours((4, 8), downsample=2), torch.randn(2, 3, 8, 16)
    listed = target(images)
    assert listed.shape == (2, 4, 2 * 4 * 3)
    first = images[0, :, :2, :2].mean((1, 2))
    torch.testing.assert_close(listed[0, 0, :3], first)  # row, column, channel
    where = torch.tensor([[3], [1]])
    torch.testing.assert_close(target(images, where)[:, 0], torch.stack([listed[0, 3], listed[1, 1]]))


def test_areas_are_averaged_and_repeated() -> None:
    target, images = Colours(4, downsample=2), torch.arange(16.0).view(1, 1, 4, 4)
    assert target.reduce(images).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert target.enlarge(target.reduce(images))[0, 0, 0].tolist() == [
        2.5,
        2.5,
        4.5,
        4.5,
    ]
    assert Colours(4).reduce(images) is images and Colours(4).enlarge(images) is images


def test_a_value_counts_where_all_its_pixels_are_hidden() -> None:
    cells = torch.zeros(1, 4, 4, dtype=torch.bool)
    cells[0, :2, :1] = True  # 4 x 2 pixels of a target of 2 x 2 values of 4 x 4 pixels... a column of half of them
    mask = PatchMask.from_bool(cells)
    images = torch.zeros(1, 1, 8, 8)
    assert Colours(8, 1, downsample=4).weights(mask, images).flatten().tolist() == [
        0,
        0,
        0,
        0,
    ]
    assert Colours(8, 1, downsample=2).weights(mask, images)[0, 0].view(4, 4)[:, 0].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("downsample", [0, 3, 16])
def test_blocks_that_do_not_divide_a_patch_are_refused(downsample: int) -> None:
    with pytest.raises(UsageError, match=rf"downsample={downsample} must divide patch_size=\(8, 8\)"):
        Colours(8, downsample=downsample)
