"""Masks whose cells are larger than a patch, and squares (SimMIM, Table 1)."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from mmmim.models.maskers import BaseMasker, BlockMasker, RandomMasker, SquareMasker

# Sheet of exact counts: (image, cell) -> hidden cells at ratios .1 ... .9, ceil(n * ratio).
COUNTS = {
    (192, 4): (231, 461, 692, 922, 1152, 1383, 1613, 1844, 2074),
    (192, 8): (58, 116, 173, 231, 288, 346, 404, 461, 519),
    (192, 16): (15, 29, 44, 58, 72, 87, 101, 116, 130),
    (192, 32): (4, 8, 11, 15, 18, 22, 26, 29, 33),
    (192, 64): (1, 2, 3, 4, 5, 6, 7, 8, 9),
    (224, 16): (20, 40, 59, 79, 98, 118, 138, 157, 177),
    (224, 32): (5, 10, 15, 20, 25, 30, 35, 40, 45),
}


@pytest.mark.parametrize(("image", "cell"), COUNTS)
@pytest.mark.parametrize("kind", [RandomMasker, BlockMasker])
def test_exact_counts(kind: type[BaseMasker], image: int, cell: int) -> None:
    patch = 4 if image == 192 else 16
    grid = (image // patch, image // patch)
    for tenth, count in enumerate(COUNTS[image, cell], start=1):
        masker = kind(tenth / 10, cell_size=cell, patch_size=patch)
        cells = (image // cell) ** 2
        assert masker.num_hidden_cells(masker.cells(grid)) == count == math.ceil(cells * (tenth / 10))
        if kind is RandomMasker or tenth in (4, 6, 8):
            mask = masker(grid, 2).mask
            assert mask.sum((1, 2)).tolist() == [count * (cell // patch) ** 2] * 2


@pytest.mark.parametrize(
    "masker", [RandomMasker(0.6, 32, 4), BlockMasker(0.6, 32, 4, min_block=2), SquareMasker(2, 32, 4)]
)
def test_masks_are_aligned_to_cells_and_differ_between_images(masker: BaseMasker) -> None:
    mask = masker((48, 32), 16)  # not square
    blocks = mask.mask.unflatten(2, (4, 8)).unflatten(1, (6, 8)).transpose(2, 3).flatten(3)  # (B,6,4,64)
    assert (blocks.all(-1) | ~blocks.any(-1)).all()
    assert mask.cell == (8, 8) and len({tuple(image.flatten().tolist()) for image in mask.mask}) > 4
    order = mask.ids_shuffle.sort(1).values
    assert order.equal(torch.arange(48 * 32).expand_as(order))


@pytest.mark.parametrize("masker", [RandomMasker(0.6, 32, 32), SquareMasker(1, 32, 32)])
def test_every_cell_is_hidden_equally_often(masker: BaseMasker) -> None:
    seen = masker((6, 6), 20_000, generator=torch.Generator().manual_seed(0)).mask.sum(0).flatten().numpy()
    expected = masker.num_hidden((6, 6)) / 36 * 20_000
    # hidden cells of an image exclude each other, so the spread is below a multinomial's: only the upper tail tests
    assert chisquare(seen, np.full(36, expected)).pvalue > 1e-3


def test_bad_cells() -> None:
    with pytest.raises(ValueError, match="cell_size=30 is not a multiple of the backbone's patch_size"):
        RandomMasker(0.6, cell_size=30, patch_size=4)
    with pytest.raises(ValueError, match="needs patch_size"):
        RandomMasker(0.6, cell_size=32)
    with pytest.raises(ValueError, match="does not divide the grid of 50x48 patches"):
        RandomMasker(0.6, 32, 4)((50, 48), 1)
    with pytest.raises(ValueError, match="side=7 cells is larger than the grid of 6x6 cells"):
        SquareMasker(7, 32, 4)((48, 48), 1)
    with pytest.raises(ValueError, match="side=0"):
        SquareMasker(0)
