"""Pictures of what a model reconstructs while it trains."""

from pathlib import Path

import cv2
import pytest
import torch
from small_conmim import conmim
from tiny_run import tiny_config

from mmmim.errors import UsageError
from mmmim.launch.building import CheckedRunner
from mmmim.visualization.pictures_hook import PicturesHook, _predict

KIND = "mmmim.visualization.pictures_hook.PicturesHook"


def pictures(folder: Path) -> dict[str, object]:
    return {file.name: cv2.imread(str(file)) for file in sorted(folder.glob("*/vis_data/vis_image/*.png"))}


def runner_of(folder, model, **options):
    loader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type="EpochSampler", shuffle=True),
        collate_fn=dict(type="default_collate"),
        dataset=dict(type="ToyImages", num_images=16, img_size=64),
    )
    length = {"train_cfg.max_epochs": 2, "param_scheduler": []}
    cfg = tiny_config(folder, train_dataloader=dict(loader, _delete_=True), **length)
    cfg.model = model
    cfg.custom_hooks = [dict(type=KIND, num=3, **options)]
    return CheckedRunner.from_cfg(cfg)


MAE = dict(
    type="MaskedImageModel",
    backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=16, depth=1, num_heads=2), img_size=64, patch_size=8),
    masker=dict(type="RandomMasker", mask_ratio=0.75),
    neck=dict(type="MAEDecoder", dims=16, depth=1, num_heads=2),
    target_generator=dict(type="PixelTarget"),
    data_preprocessor=dict(type="ImagePreprocessor"),
)


def test_a_picture_is_drawn_in_each_evaluation_with_the_same_images_and_masks(tmp_path):
    runner = runner_of(tmp_path, MAE)
    runner.train()
    found = pictures(tmp_path)
    assert list(found) == ["reconstruction_1.png", "reconstruction_2.png"]
    first, second = found.values()
    assert first.shape == second.shape == (18 + 3 * 132, 4 + 4 * 132, 3)
    assert (first[:, : 4 + 2 * 132] == second[:, : 4 + 2 * 132]).all()  # originals and inputs
    assert (first[:, 4 + 2 * 132 :] != second[:, 4 + 2 * 132 :]).any()  # the model has learnt


def test_backends_get_the_picture(tmp_path, monkeypatch):
    runner, given = runner_of(tmp_path, MAE), []
    monkeypatch.setattr(runner.visualizer, "add_image", lambda name, image, step: given.append((name, image, step)))
    runner.train()
    assert [(name, step) for name, _, step in given] == [("reconstruction", 1), ("reconstruction", 2)]
    assert all(image.dtype == "uint8" and image.ndim == 3 for _, image, _ in given)


def test_images_of_a_folder_are_drawn(tmp_path):
    runner = runner_of(tmp_path, MAE, images="toy")
    runner.train()
    assert runner.hooks and len(pictures(tmp_path)) == 2


def test_the_models_own_masks_stay_as_they_are():
    model, hook = conmim(), PicturesHook()
    model.set_step(1, 5)
    hook.crops = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)
    expected = conmim()
    expected.set_step(1, 5)
    one, other = _predict(model, hook.crops), _predict(model, hook.crops)
    assert torch.equal(one["mask"], other["mask"])
    assert torch.equal(torch.rand(3, generator=model.step_generator), torch.rand(3, generator=expected.step_generator))


def test_a_model_that_predicts_no_images_is_refused(tmp_path):
    cfg = tiny_config(tmp_path, custom_hooks=[dict(type=KIND)])
    with pytest.raises(UsageError, match="--pictures: TinyMasked predicts no images"):
        CheckedRunner.from_cfg(cfg).train()


def test_what_cannot_be_drawn_is_refused_before_the_first_step(tmp_path, monkeypatch):
    runner = runner_of(tmp_path, MAE)

    def refuse(*_):
        raise UsageError("there is nothing to draw")

    monkeypatch.setattr(type(runner.model), "predict", refuse)
    with pytest.raises(UsageError, match="nothing to draw"):
        runner.train()
    assert runner.iter == 0


def test_no_pictures_are_refused():
    with pytest.raises(UsageError, match="num: 0"):
        PicturesHook(num=0)
