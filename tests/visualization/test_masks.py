from __future__ import annotations

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.visualization.masks import draw_masks, masker_config, patch_scores, probability_column, set_columns
from mmmim.visualization.pixels import GREY
from mmmim.visualization.sources import load_images, normalise


def test_the_two_sets_complement_each_other() -> None:
    original = torch.rand(2, 3, 16, 24)
    mask = torch.rand(2, 2, 3) < 0.5
    hidden, visible = (column.images for column in set_columns(original, mask, "untrained"))
    for row in range(2):
        exact = original[row].permute(1, 2, 0).numpy()
        assert ((hidden[row] == exact) | (visible[row] == exact)).all()
        assert ((hidden[row] == GREY) ^ (visible[row] == GREY)).all()


def test_masks_repeat_with_the_seed_and_differ_between_draws(make_model) -> None:
    model = make_model()
    images = normalise(model, load_images("toy", (32, 48), num=2))
    masks = draw_masks(model, images, 3, seed=1)
    assert masks.shape == (3, 2, 4, 6)
    assert (masks.sum((2, 3)) == 18).all()
    assert torch.equal(masks, draw_masks(model, images, 3, seed=1))
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks, draw_masks(model, images, 3, seed=2))


def test_importance_hides_the_best_scored_patches_in_every_draw(make_model) -> None:
    model = make_model("importance", 0.5)
    images = normalise(model, load_images("toy", (32, 48), num=2))
    masks = draw_masks(model, images, 2)
    scores = patch_scores(model, images)
    expected = torch.zeros(2, 24, dtype=torch.bool).scatter_(1, scores.topk(12).indices, True)
    assert torch.equal(masks[0].flatten(1), expected) and torch.equal(masks[0], masks[1])
    assert set(probability_column(masks, "x").images[0].flatten()) == {0.0, 1.0}


@pytest.mark.parametrize("strategy", ["random", "block"])
def test_strategies_without_scores(make_model, strategy: str) -> None:
    model = make_model(strategy, 0.5)
    images = normalise(model, load_images("toy", (32, 48), num=1))
    assert patch_scores(model, images) is None
    assert draw_masks(model, images, 1).sum() == 12


def test_other_strategy_keeps_the_ratio_and_same_strategy_keeps_the_arguments() -> None:
    masker = dict(type="ImportanceMasker", mask_ratio=0.6, score="prob")
    assert masker_config(masker, "random", None) == dict(type="mmmim.RandomMasker", mask_ratio=0.6)
    same = masker_config(masker, "importance", 0.9)
    assert same == dict(type="mmmim.ImportanceMasker", mask_ratio=0.9, score="prob", noise="none")
    assert masker_config(None, None, 0.5) is None
    with pytest.raises(UsageError, match="did you mean 'importance"):
        masker_config(masker, "importence", None)
