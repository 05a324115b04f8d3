import math

from mmmim.models.maskers import BlockMasker

GRID = (14, 14)


def test_blocks_are_never_empty_and_exact_even_with_beits_patience() -> None:
    for cell, ratio in ((16, 0.8), (32, 0.8), (32, 0.4)):
        masker = BlockMasker(ratio, cell, cell, min_block=16 if cell == 16 else 4, patience=10)
        counts = masker((192 // cell, 192 // cell), 2_000).mask.sum((1, 2))
        assert counts.unique().tolist() == [math.ceil((192 // cell) ** 2 * ratio)]


def test_block_masks_reach_every_patch_and_the_centre_most() -> None:
    frequency = BlockMasker()(GRID, 2000).mask.double().mean(0)
    assert frequency.min() > 0 and frequency[-1].min() > 0 and frequency[:, -1].min() > 0
    assert frequency[6:8, 6:8].mean() > 0.9 > 0.4 > frequency[0, 0]


def test_block_masks_are_filled_up_at_random_when_no_block_fits() -> None:
    mask = BlockMasker(0.75, max_tries=1)(GRID, 4)
    assert mask.mask.sum((1, 2)).tolist() == [147] * 4
