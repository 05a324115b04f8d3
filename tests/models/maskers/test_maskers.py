import pytest
import torch

from mmmim.models.maskers import BlockMasker, ImportanceMasker, RandomMasker

GRID = (14, 14)


def all_maskers(ratio: float) -> list:
    return [
        RandomMasker(ratio),
        BlockMasker(ratio, min_block=4),
        ImportanceMasker(ratio),
        ImportanceMasker(ratio, noise="none"),
        ImportanceMasker(ratio, preset="official"),
    ]


@pytest.mark.parametrize("ratio", [0.4, 0.6, 0.75, 0.9])
@pytest.mark.parametrize("grid", [(14, 14), (6, 10)])
def test_every_masker_partitions_the_patches_with_an_exact_count(ratio: float, grid: tuple[int, int]) -> None:
    total = grid[0] * grid[1]
    for masker in all_maskers(ratio):
        mask = masker(grid, 5, scores=torch.randn(5, total))
        assert mask.ids_shuffle.sort(1).values.equal(torch.arange(total).expand(5, -1))
        assert mask.mask.sum((1, 2)).tolist() == [total - int(total * (1 - ratio))] * 5
        assert not mask.mask.flatten(1).gather(1, mask.visible).any()
        assert mask.mask.flatten(1).gather(1, mask.hidden).all()


@pytest.mark.parametrize("masker", [RandomMasker(), BlockMasker(), ImportanceMasker()])
def test_masks_repeat_with_the_generator(masker) -> None:
    scores = torch.randn(4, 196)

    def draw(seed: int) -> torch.Tensor:
        return masker(GRID, 4, scores=scores, generator=torch.Generator().manual_seed(seed)).mask

    assert draw(3).equal(draw(3)) and not draw(3).equal(draw(4))
