from __future__ import annotations

import itertools

import numpy as np
import torch
from painted_models import stacked

from mmmim.visualization.corruption import corruption_columns
from mmmim.visualization.pixels import GREY, mask_to_pixels

PIXELS = 'target_generator=dict(type="PixelTarget", norm_pix="{}"), head=dict(type="ReconstructionHead", scope="all")'


def test_samples_share_the_mask_and_differ(parts) -> None:
    model, images, mask = parts("none")
    torch.manual_seed(0)
    columns = corruption_columns(model, images, mask, samples=3)
    assert [column.title.split("\n")[0] for column in columns] == [
        "original",
        "generator's input",
        *(f"corrupted, sample {number}" for number in (1, 2, 3)),
    ]
    assert "28% hidden" in columns[1].title  # 9 of 32
    hidden = mask_to_pixels(mask.mask, (32, 64))[:, 0].numpy()
    original, seen, *samples = map(stacked, columns)
    assert (seen[hidden] == GREY).all() and (seen[~hidden] == original[~hidden]).all()
    assert all((first != second).any() for first, second in itertools.combinations(samples, 2))


def test_samples_repeat_with_the_seed_and_are_all_the_same_without_chance(parts) -> None:
    model, images, mask = parts("none")
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(stacked(corruption_columns(model, images, mask, samples=1)[2]))
    assert np.array_equal(*drawn)
    model.generator.sample_mode = "argmax"
    *_, first, second = corruption_columns(model, images, mask, samples=2)
    assert np.array_equal(stacked(first), stacked(second))
