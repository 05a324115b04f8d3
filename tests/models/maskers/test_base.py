import pytest
import torch

from mmmim.models.maskers import BaseMasker, BlockMasker, RandomMasker


@pytest.mark.parametrize("ratio", [-0.1, 1.5])
def test_ratio_outside_zero_and_one(ratio: float) -> None:
    with pytest.raises(ValueError, match=f"mask_ratio={ratio}"):
        RandomMasker(ratio)


@pytest.mark.parametrize(("ratio", "hidden"), [(0, 0), (0.99, 16), (1, 16)])
def test_nothing_or_everything_can_be_hidden(ratio: float, hidden: int) -> None:
    for masker in (RandomMasker(ratio), BlockMasker(ratio)):
        mask = masker((4, 4), 2)
        assert mask.num_hidden == hidden and mask.mask.sum((1, 2)).tolist() == [hidden, hidden]


@pytest.mark.parametrize("masker", [RandomMasker, BlockMasker])
def test_a_number_of_masked_cells(masker) -> None:
    mask = masker(num_masked=100)((14, 14), 5)
    assert mask.mask.sum((1, 2)).tolist() == [100] * 5 and mask.num_hidden == 100


@pytest.mark.parametrize("masker", [RandomMasker, BlockMasker])
def test_a_drawn_number_of_masked_cells_is_one_for_the_batch(masker) -> None:
    ranged = masker(num_masked=(100, 120))
    assert ranged.num_hidden((14, 14)) == 120
    counts = [ranged((14, 14), 3, generator=torch.Generator().manual_seed(seed)).num_hidden for seed in range(60)]
    assert min(counts) < 104 and max(counts) > 116 and all(100 <= count <= 120 for count in counts)
    again = ranged((14, 14), 3, generator=torch.Generator().manual_seed(7))
    assert again.num_hidden == counts[7] and (again.mask.sum((1, 2)) == counts[7]).all()


def test_nearest_count() -> None:
    """CIM's Table 4: 40, 50 and 60 % of 196."""
    assert [RandomMasker(ratio, rounding="nearest").num_hidden((14, 14)) for ratio in (0.4, 0.5, 0.6)] == [78, 98, 118]


@pytest.mark.parametrize(
    "count, message", [(197, "larger than the grid of 14x14"), (-1, "num_masked=-1"), ((9, 5), "num_masked")]
)
def test_impossible_counts(count, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomMasker(num_masked=count).num_hidden((14, 14))


@pytest.mark.parametrize("kind", [RandomMasker, BlockMasker])
def test_roundings_of_mae_and_simmim_differ_where_floating_point_does(kind: type[BaseMasker]) -> None:
    assert kind(0.9).num_hidden((10, 10)) == 91  # 100 * (1 - 0.9) is a hair below 10
    assert kind(0.9, rounding="hidden").num_hidden((10, 10)) == 90
    with pytest.raises(ValueError, match=r"rounding='hiden'.*did you mean 'hidden'"):
        kind(0.9, rounding="hiden")
