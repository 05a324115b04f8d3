import numpy as np
import pytest
import torch

from mmmim.models.layers import PatchMask, take
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


@pytest.mark.parametrize(
    ("grid", "ratio", "visible"),
    [((14, 14), 0.75, 49), ((14, 14), 0.6, 78), ((14, 14), 0.9, 19), ((7, 7), 0.75, 12), ((10, 10), 0.9, 9)],
)
def test_count_is_truncated_as_in_mae(grid: tuple[int, int], ratio: float, visible: int) -> None:
    assert grid[0] * grid[1] - RandomMasker(ratio).num_hidden(grid) == visible


def test_restore_inverts_shuffle_and_puts_tokens_back() -> None:
    mask = RandomMasker()(GRID, 3)
    tokens = torch.randn(3, 196, 5)
    assert mask.ids_shuffle.gather(1, mask.ids_restore).equal(torch.arange(196).expand(3, -1))
    parts = torch.cat([take(tokens, mask.visible), take(tokens, mask.hidden)], 1)
    assert take(parts, mask.ids_restore).equal(tokens)


def test_bool_masks_are_accepted_and_uneven_ones_refused() -> None:
    reference = RandomMasker()(GRID, 4)
    mask = PatchMask.from_bool(reference.mask)
    assert mask.mask.equal(reference.mask) and mask.num_hidden == 147
    with pytest.raises(ValueError, match="same number of patches"):
        PatchMask.from_bool(torch.tensor([[[True, False]], [[True, True]]]))


def test_importance_without_noise_hides_the_top_k() -> None:
    scores = torch.randn(6, 196)
    mask = ImportanceMasker(noise="none")(GRID, 6, scores=scores)
    flat = mask.mask.flatten(1)
    for score, hidden in zip(scores, flat, strict=True):
        assert score[hidden].min() >= score[~hidden].max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_official_order_is_that_of_softmax_ratios(dtype: torch.dtype) -> None:
    a, u = torch.rand(8, 196, dtype=dtype) * 0.1, torch.rand(8, 196, dtype=dtype)
    keys = ImportanceMasker(preset="official").keys(a, u)
    ratio = a.softmax(1) / u.softmax(1)
    assert keys.argsort(1).equal(ratio.argsort(1)) and keys.argsort(1).equal((a - u).argsort(1))


def inclusion(masker: ImportanceMasker, scores: torch.Tensor, num_hidden: int, draws: int) -> np.ndarray:
    noise = torch.rand(draws, len(scores), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    keys = masker.keys(scores.double().expand(draws, -1), noise)
    return PatchMask.from_keys(keys, num_hidden, (1, len(scores))).mask.double().mean(0).flatten().numpy()


SHARES = torch.tensor([0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize(
    ("noise", "scores", "expected"),
    [
        ("exp", SHARES.log(), [0.7159, 0.6083, 0.4413, 0.2345]),
        ("softmax_uniform", SHARES, [0.6934, 0.5689, 0.4313, 0.3064]),
        ("softmax_uniform", SHARES.log(), [0.971, 0.828, 0.201, 0.000]),
        ("uniform", SHARES.log(), [0.818, 0.652, 0.364, 0.166]),
    ],
)
def test_inclusion_probabilities_of_two_out_of_four(noise: str, scores: torch.Tensor, expected: list[float]) -> None:
    measured = inclusion(ImportanceMasker(noise=noise), scores, 2, 400_000)
    np.testing.assert_allclose(measured, expected, atol=3e-3)


def closed_form(noise: str, log_scores: np.ndarray, num_hidden: int) -> np.ndarray:
    """Inclusion probabilities of a fixed-size sample; the one free constant is set by their sum."""
    shares = np.exp(log_scores)
    rules = {
        "exp": lambda c: 1 - np.exp(-c * shares),
        "softmax_uniform": lambda c: np.clip(log_scores + np.log(c), 0, 1),
        "uniform": lambda c: np.minimum(1, c * shares),
    }
    low, high = 1e-12, 1e12
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if rules[noise](middle).sum() < num_hidden else (low, middle)
    return rules[noise](middle)


@pytest.mark.parametrize(("noise", "tolerance"), [("exp", 0.015), ("softmax_uniform", 0.03), ("uniform", 0.04)])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.0])
def test_inclusion_follows_the_closed_form(noise: str, tolerance: float, sigma: float) -> None:
    scores = torch.randn(196, generator=torch.Generator().manual_seed(1)) * sigma
    measured = inclusion(ImportanceMasker(noise=noise), scores, 147, 20_000)
    assert measured.sum() == pytest.approx(147)
    np.testing.assert_allclose(measured, closed_form(noise, scores.double().numpy(), 147), atol=tolerance)


@pytest.mark.parametrize("noise", ["exp", "softmax_uniform", "uniform"])
def test_constant_scores_give_uniform_masks(noise: str) -> None:
    draws = 4000
    measured = inclusion(ImportanceMasker(noise=noise), torch.zeros(196), 147, draws)
    assert np.abs(measured - 0.75).max() < 4.5 * np.sqrt(0.75 * 0.25 / draws)


def test_block_masks_reach_every_patch_and_the_centre_most() -> None:
    frequency = BlockMasker()(GRID, 2000).mask.double().mean(0)
    assert frequency.min() > 0 and frequency[-1].min() > 0 and frequency[:, -1].min() > 0
    assert frequency[6:8, 6:8].mean() > 0.9 > 0.4 > frequency[0, 0]


def test_block_masks_are_filled_up_at_random_when_no_block_fits() -> None:
    mask = BlockMasker(0.75, max_tries=1)(GRID, 4)
    assert mask.mask.sum((1, 2)).tolist() == [147] * 4


@pytest.mark.parametrize("masker", [RandomMasker(), BlockMasker(), ImportanceMasker()])
def test_masks_repeat_with_the_generator(masker) -> None:
    scores = torch.randn(4, 196)

    def draw(seed: int) -> torch.Tensor:
        return masker(GRID, 4, scores=scores, generator=torch.Generator().manual_seed(seed)).mask

    assert draw(3).equal(draw(3)) and not draw(3).equal(draw(4))


def test_random_masker_draws_one_table_as_mae_does() -> None:
    torch.manual_seed(0)
    mask = RandomMasker()(GRID, 2)
    torch.manual_seed(0)
    assert mask.ids_shuffle.equal(torch.rand(2, 196).argsort(1))


@pytest.mark.parametrize("ratio", [-0.1, 1.5])
def test_ratio_outside_zero_and_one(ratio: float) -> None:
    with pytest.raises(ValueError, match=f"mask_ratio={ratio}"):
        RandomMasker(ratio)


@pytest.mark.parametrize(("ratio", "hidden"), [(0, 0), (0.99, 16), (1, 16)])
def test_nothing_or_everything_can_be_hidden(ratio: float, hidden: int) -> None:
    for masker in (RandomMasker(ratio), BlockMasker(ratio)):
        mask = masker((4, 4), 2)
        assert mask.num_hidden == hidden and mask.mask.sum((1, 2)).tolist() == [hidden, hidden]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(preset="proportinal"), "did you mean 'proportional'"),
        (dict(noise="gumbel"), "noise='gumbel'"),
        (dict(score="logits"), "did you mean 'logit'"),
        (dict(score_norm="l1"), "score_norm='l1'"),
        (dict(score_scale="dim"), "score_scale='dim'"),
        (dict(score_layers="middle"), "score_layers='middle'"),
    ],
)
def test_unknown_names(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImportanceMasker(**arguments)


def test_bad_scores() -> None:
    masker = ImportanceMasker()
    with pytest.raises(ValueError, match="needs scores"):
        masker(GRID, 2)
    with pytest.raises(ValueError, match="do not fit"):
        masker(GRID, 2, scores=torch.zeros(2, 49))
    with pytest.raises(ValueError, match="NaN"):
        masker(GRID, 1, scores=torch.full((1, 196), float("nan")))
    with pytest.raises(ValueError, match="out of range"):
        ImportanceMasker(score_layers=[0, 12]).layers(12)


def test_every_patch_is_kept_alike() -> None:
    draws = [RandomMasker(0.75)(GRID, 10_000, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(draws[0].mask, draws[1].mask)
    kept = (~draws[0].mask).double()
    assert (kept.sum((1, 2)) == 49).all()
    sigma = (0.25 * 0.75 / 10_000) ** 0.5
    deviation = (kept.mean(0) - 0.25).abs() / sigma
    assert (deviation < 3).double().mean() > 0.98 and deviation.max() < 4.5


# ---------------------------------------------------------------- CIM's counts


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
