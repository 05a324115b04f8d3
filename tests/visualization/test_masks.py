from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.visualization.masks import draw_masks, masker_config, patch_scores, probability_column, set_columns
from mmmim.visualization.pixels import GREY
from mmmim.visualization.sources import load_images, load_model, normalise


@pytest.fixture
def make_model(write_config):
    def make(strategy: str | None = None, ratio: float | None = None) -> Any:
        config = Config.fromfile(write_config())
        config.model.masker = masker_config(config.model.masker, strategy, ratio)
        return load_model(config)

    return make


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


def test_images_keep_their_shape_and_a_folder_is_sampled_evenly(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(10):
        Image.new("RGB", (100, 40), (i, 0, 0)).save(tmp_path / f"{i}.png")
    images = load_images(str(tmp_path), (32, 48), num=5)
    assert images.shape == (5, 3, 32, 48)
    assert images[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 8]
    assert load_images(str(tmp_path), (32, 48), num=99).shape[0] == 10


def test_checkpoint_errors(make_model, write_config, tmp_path: Path) -> None:
    config = Config.fromfile(write_config())
    with pytest.raises(UsageError, match="no checkpoint at"):
        load_model(config, tmp_path / "nothing")
    torch.save(dict(state_dict={"backbone.cls_token": torch.zeros(1, 1, 8)}), tmp_path / "other.pth")
    with pytest.raises(UsageError, match="does not belong to this config"):
        load_model(config, tmp_path / "other.pth")
