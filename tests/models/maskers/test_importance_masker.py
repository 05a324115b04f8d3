import numpy as np
import pytest
import torch
from torch import Tensor

from mmmim.models.algorithms import CCMIM
from mmmim.models.layers import PatchMask
from mmmim.models.maskers import ImportanceMasker
from mmmim.registry import MODELS

GRID = (14, 14)
SHARES = torch.tensor([0.4, 0.3, 0.2, 0.1])


def textured_squares(count: int) -> Tensor:
    """A noisy square at a random place of a flat picture, ``(count, 3, 32, 32)``."""
    images = torch.zeros(count, 3, 32, 32)
    for image in images:
        top, left = torch.randint(0, 16, (2,)).tolist()
        image[:, top : top + 16, left : left + 16] = torch.randn(3, 16, 16) * 2
    return images + 0.05 * torch.randn_like(images)


def overlap_of_random_masks(model: CCMIM, images: Tensor) -> float:
    scores = model.score_patches(model.backbone.embed(images))
    random = PatchMask.from_keys(torch.rand_like(scores), 48, (8, 8))
    return model.division_statistics(scores, random)["mask_overlap"].item()


def test_sampling_turns_to_important_patches_while_training() -> None:
    model = MODELS.build(
        dict(
            type="mmmim.CCMIM",
            backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=48, depth=2, num_heads=4), img_size=32, patch_size=4),
            masker=dict(type="mmmim.ImportanceMasker", mask_ratio=0.75, preset="proportional"),
            neck=dict(type="mmmim.MAEDecoder", dims=32, depth=1, num_heads=4),
            target_generator=dict(type="mmmim.PixelTarget"),
        )
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    overlap = []
    for iteration in range(60):
        model.set_step(0, iteration)
        losses = model(textured_squares(32), mode="loss")
        total, _ = model.parse_losses({k: v for k, v in losses.items() if "loss" in k})
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        overlap.append(losses["mask_overlap"].item())
    assert sum(overlap[-10:]) / 10 > 0.79
    assert abs(overlap_of_random_masks(model, textured_squares(256)) - 0.75) < 0.02


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
