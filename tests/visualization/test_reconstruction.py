from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmmim.visualization.pixels import GREY, mask_to_pixels
from mmmim.visualization.reconstruction import reconstruction_columns

MEAN, STD = [120.0], [60.0]


def prediction(channels: int = 3, **changes: Any) -> dict:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, channels, 16, 24, generator=generator)
    mask = torch.rand(2, 2, 3, generator=generator) < 0.5
    base = dict(images=images, corrupted=images, mask=mask, output=-images, target=images, target_space="pixel")
    base["unaided"] = images / 2
    return base | changes


def hidden_pixels(mask: torch.Tensor, row: int) -> np.ndarray:
    return mask_to_pixels(mask, (16, 24))[row, 0].numpy()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_visible_pixels_are_the_originals_and_hidden_ones_the_outputs(channels: int) -> None:
    made = prediction(channels)
    (original, seen, pasted), _ = reconstruction_columns(made, MEAN, STD)
    for row in range(2):
        hidden = hidden_pixels(made["mask"], row)
        assert hidden.any() and not hidden.all()
        assert (pasted.images[row][~hidden] == original.images[row][~hidden]).all()
        assert (seen.images[row][~hidden] == original.images[row][~hidden]).all()
        assert (seen.images[row][hidden] == GREY).all()
        expected = (made["output"][row, :3] * 60 + 120).permute(1, 2, 0).numpy()[hidden] / 255
        shown = pasted.images[row][hidden]
        np.testing.assert_allclose(shown, np.broadcast_to(expected, shown.shape), atol=1e-6)


def test_caption_says_whose_mean_and_deviation_undo_a_patch_normalisation() -> None:
    assert "true patch" in reconstruction_columns(prediction(), MEAN, STD, patch_statistics=True)[1]
    assert "true patch" not in reconstruction_columns(prediction(), MEAN, STD)[1]


def test_where_patches_are_normalised_a_column_shows_the_model_alone() -> None:
    made = prediction()
    *_, alone = reconstruction_columns(made, MEAN, STD, patch_statistics=True)[0]
    assert alone.title == "model only" and len(reconstruction_columns(made, MEAN, STD)[0]) == 3
    expected = (made["unaided"] * 60 + 120).permute(0, 2, 3, 1).numpy() / 255
    np.testing.assert_allclose(np.stack(alone.images), expected, atol=1e-6)


def test_degraded_patches_without_a_mask_are_shown_as_predicted() -> None:
    made = prediction(mask=None)
    made["corrupted"] = made["images"].clone()
    made["corrupted"][:, :, :8] *= 0.5
    (original, seen, pasted), _ = reconstruction_columns(made, MEAN, STD)
    assert seen.title == "input"
    assert (pasted.images[0][8:] == original.images[0][8:]).all()
    assert (pasted.images[0][:8] != original.images[0][:8]).any()


def test_what_is_not_the_input_s_pixels_stands_beside_its_target() -> None:
    hog = dict(target_space="hog", output=torch.rand(2, 1, 16, 24) * 9, target=torch.rand(2, 1, 16, 24))
    columns, caption = reconstruction_columns(prediction(**hog), MEAN, STD)
    assert [column.title.split("\n")[0] for column in columns[2:]] == ["target", "prediction"]
    assert columns[3].images[0].min() == 0 and columns[3].images[0].max() == 1
    assert "hog" in caption


def test_pixels_of_a_whole_crop_whose_centre_is_the_input_keep_their_colours() -> None:
    small = torch.rand(2, 3, 16, 24)
    made = prediction(images=torch.rand(2, 3, 24, 36), corrupted=small, output=-small, target=small)
    columns, caption = reconstruction_columns(made, MEAN, STD, patch_statistics=True)
    assert [column.images[0].shape[:2] for column in columns[:4]] == [(24, 36), (16, 24), (16, 24), (16, 24)]
    expected = (small[0] * 60 + 120).permute(1, 2, 0).numpy() / 255
    np.testing.assert_allclose(columns[2].images[0], expected, atol=1e-6)
    np.testing.assert_allclose(columns[3].images[0], (240 / 255) - expected, atol=1e-6)
    assert "true patch" in caption and "clamped" in caption


def test_a_mask_that_hides_nothing_is_not_mentioned() -> None:
    made = prediction(mask=torch.zeros(2, 2, 3, dtype=torch.bool))
    assert reconstruction_columns(made, MEAN, STD)[0][1].title == "input"
