"""Files of 12 bits or of bands are read by an encoder in the range of values that it was trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmmim
from mmmim.apis import TrainingResult
from mmmim.errors import UsageError

RANGES = [(0, 4000), (-1, 1)]


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bands")
    for number in range(4):
        values = np.random.default_rng(number).uniform(0, 1, (20, 20, 2)) * [4000, 2] - [0, 1]
        np.save(folder / f"{number}.npy", values)
    return folder


@pytest.fixture(scope="module")
def run(bands: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    options = {
        "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=1, num_heads=2),
        "model.backbone.img_size": 16,
        "model.backbone.patch_size": 4,
        "model.backbone.in_channels": 2,
        "model.data_preprocessor.mean": [127, 127],
        "model.data_preprocessor.std": [60, 60],
        "train_dataloader.batch_size": 2,
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        "train_dataloader.dataset.channels": 2,
        "train_dataloader.dataset.value_range": RANGES,
        "train_dataloader.dataset.transforms.0.size": 16,
    }
    work_dir = tmp_path_factory.mktemp("work")
    return mmmim.train("mae/vit-tiny_toy", bands, epochs=1, work_dir=work_dir, cfg_options=options)


def test_a_checkpoint_keeps_the_range(run: TrainingResult, bands: Path) -> None:
    encoder = mmmim.load_encoder(run.work_dir)
    assert encoder.value_range == [[0.0, 4000.0], [-1.0, 1.0]]
    pixels = encoder.default_transform.decoded(bands / "0.npy")
    values = np.load(bands / "0.npy")
    np.testing.assert_array_equal(pixels[0], np.rint(values[..., 0] / 4000 * 255))
    np.testing.assert_array_equal(pixels[1], np.rint((values[..., 1] + 1) / 2 * 255))
    (config,) = run.work_dir.glob("*.py")
    assert mmmim.get_model(config, run.checkpoint).value_range == encoder.value_range


def test_features_and_pictures_read_files_in_this_range(run: TrainingResult, bands: Path) -> None:
    found = mmmim.embed(run.work_dir, bands, workers=0, cache=False)
    assert found.facts["value_range"] == [[0.0, 4000.0], [-1.0, 1.0]] and len(found) == 4
    of_folder = mmmim.reconstruct(run.work_dir, bands, num=1)
    of_file = mmmim.reconstruct(run.work_dir, bands / "0.npy")
    np.testing.assert_array_equal(of_folder.originals, of_file.originals)


def test_other_checkpoints_have_none(trained: TrainingResult, bands: Path) -> None:
    assert mmmim.load_encoder(trained.work_dir).value_range is None
    encoder = mmmim.get_model("mae/vit-tiny_toy", in_channels=2)
    with pytest.raises(UsageError, match=r"range is not known; set dataset\.value_range"):
        encoder.default_transform(bands / "0.npy")
