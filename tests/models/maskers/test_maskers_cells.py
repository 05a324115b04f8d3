"""Masks whose cells are larger than a patch, and squares (SimMIM, Table 1)."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from mmmim.models.layers import PatchMask
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


def test_cells_may_be_rectangles() -> None:
    mask = RandomMasker(0.5, cell_size=(8, 16), patch_size=(4, 4))((8, 8), 3)
    assert mask.cell == (2, 4)
    assert mask.mask.unflatten(2, (2, 4)).unflatten(1, (4, 2)).transpose(2, 3).flatten(3).float().std(-1).eq(0).all()


@pytest.mark.parametrize("masker", [RandomMasker(0.6, 32, 32), SquareMasker(1, 32, 32)])
def test_every_cell_is_hidden_equally_often(masker: BaseMasker) -> None:
    seen = masker((6, 6), 20_000, generator=torch.Generator().manual_seed(0)).mask.sum(0).flatten().numpy()
    expected = masker.num_hidden((6, 6)) / 36 * 20_000
    # hidden cells of an image exclude each other, so the spread is below a multinomial's: only the upper tail tests
    assert chisquare(seen, np.full(36, expected)).pvalue > 1e-3


def test_all_positions_of_a_square_are_equally_likely() -> None:
    mask = SquareMasker(3, 32, 4)((48, 48), 8_000, generator=torch.Generator().manual_seed(0))
    corner = mask.coarsen((8, 8)).mask.flatten(1).byte().argmax(1)  # first hidden cell
    places, counts = corner.unique(return_counts=True)
    assert len(places) == 16 and chisquare(counts.numpy()).pvalue > 1e-3
    assert mask.num_hidden == 9 * 64


def test_blocks_are_never_empty_and_exact_even_with_beits_patience() -> None:
    for cell, ratio in ((16, 0.8), (32, 0.8), (32, 0.4)):
        masker = BlockMasker(ratio, cell, cell, min_block=16 if cell == 16 else 4, patience=10)
        counts = masker((192 // cell, 192 // cell), 2_000).mask.sum((1, 2))
        assert counts.unique().tolist() == [math.ceil((192 // cell) ** 2 * ratio)]


@pytest.mark.parametrize("kind", [RandomMasker, BlockMasker])
def test_roundings_of_mae_and_simmim_differ_where_floating_point_does(kind: type[BaseMasker]) -> None:
    assert kind(0.9).num_hidden((10, 10)) == 91  # 100 * (1 - 0.9) is a hair below 10
    assert kind(0.9, rounding="hidden").num_hidden((10, 10)) == 90
    with pytest.raises(ValueError, match=r"rounding='hiden'.*did you mean 'hidden'"):
        kind(0.9, rounding="hiden")


def test_refine_and_coarsen_are_inverse() -> None:
    cells = RandomMasker(0.6)((3, 5), 4)
    fine = cells.refine((2, 4))
    assert fine.grid == (6, 20) and fine.mask.equal(cells.mask.repeat_interleave(2, 1).repeat_interleave(4, 2))
    back = fine.coarsen((2, 4))
    assert back.mask.equal(cells.mask) and back.num_hidden == cells.num_hidden and back.cell == (1, 1)
    half = fine.coarsen((1, 2))
    assert half.cell == (2, 2) and half.mask.equal(fine.mask[:, :, ::2])
    assert fine.coarsen((4, 4)) is None and PatchMask.from_bool(fine.mask).coarsen((2, 2)) is None


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
