import torch
from scipy.stats import chisquare

from mmmim.models.maskers import SquareMasker


def test_all_positions_of_a_square_are_equally_likely() -> None:
    mask = SquareMasker(3, 32, 4)((48, 48), 8_000, generator=torch.Generator().manual_seed(0))
    corner = mask.coarsen((8, 8)).mask.flatten(1).byte().argmax(1)  # first hidden cell
    places, counts = corner.unique(return_counts=True)
    assert len(places) == 16 and chisquare(counts.numpy()).pvalue > 1e-3
    assert mask.num_hidden == 9 * 64
