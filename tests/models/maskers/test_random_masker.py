import pytest
import torch

from mmmim.models.maskers import RandomMasker

GRID = (14, 14)


def test_cells_may_be_rectangles() -> None:
    mask = RandomMasker(0.5, cell_size=(8, 16), patch_size=(4, 4))((8, 8), 3)
    assert mask.cell == (2, 4)
    assert mask.mask.unflatten(2, (2, 4)).unflatten(1, (4, 2)).transpose(2, 3).flatten(3).float().std(-1).eq(0).all()


@pytest.mark.parametrize(
    ("grid", "ratio", "visible"),
    [((14, 14), 0.75, 49), ((14, 14), 0.6, 78), ((14, 14), 0.9, 19), ((7, 7), 0.75, 12), ((10, 10), 0.9, 9)],
)
def test_count_is_truncated_as_in_mae(grid: tuple[int, int], ratio: float, visible: int) -> None:
    assert grid[0] * grid[1] - RandomMasker(ratio).num_hidden(grid) == visible


def test_random_masker_draws_one_table_as_mae_does() -> None:
    torch.manual_seed(0)
    mask = RandomMasker()(GRID, 2)
    torch.manual_seed(0)
    assert mask.ids_shuffle.equal(torch.rand(2, 196).argsort(1))


def test_every_patch_is_kept_alike() -> None:
    draws = [RandomMasker(0.75)(GRID, 10_000, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(draws[0].mask, draws[1].mask)
    kept = (~draws[0].mask).double()
    assert (kept.sum((1, 2)) == 49).all()
    sigma = (0.25 * 0.75 / 10_000) ** 0.5
    deviation = (kept.mean(0) - 0.25).abs() / sigma
    assert (deviation < 3).double().mean() > 0.98 and deviation.max() < 4.5
