import pytest
import torch

from mmmim.errors import UsageError
from mmmim.models.layers.color_space import ColorSpace, check_rgb, luma


def test_colours_become_normalised_images_and_come_back() -> None:
    space = ColorSpace((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    colours = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    expected = (colours * 255 - torch.tensor([123.675, 116.28, 103.53]).double().view(3, 1, 1)) / torch.tensor(
        [58.395, 57.12, 57.375]
    ).double().view(3, 1, 1)
    torch.testing.assert_close(space.normalise(colours), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(space.to_unit(space.normalise(colours)), colours)
    assert space.state_dict() == {}


def test_without_statistics_images_are_colours() -> None:
    images = torch.rand(1, 3, 2, 2)
    torch.testing.assert_close(ColorSpace().to_unit(images), images)
    assert ColorSpace().normalise(images.half()).dtype == torch.float16


def test_brightness_weighs_the_channels_as_television_does() -> None:
    colours = torch.eye(3).view(3, 3, 1, 1)  # red, green, blue
    torch.testing.assert_close(luma(colours).flatten(), torch.tensor([0.299, 0.587, 0.114]))


def test_other_numbers_of_channels_are_refused() -> None:
    check_rgb("Part", 3)
    with pytest.raises(UsageError, match=r"Part works on RGB colours, but backbone\.in_channels=5"):
        check_rgb("Part", 5)
