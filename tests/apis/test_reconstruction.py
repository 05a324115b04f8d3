from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_mae import TINY

import mmmim
from mmmim.apis import TrainingResult
from mmmim.errors import UsageError


def test_what_was_seen_stays_and_what_was_hidden_is_predicted(trained: TrainingResult, pictures: Path) -> None:
    found = mmmim.reconstruct(trained.work_dir, pictures, num=3)
    assert found.originals.shape == found.inputs.shape == found.outputs.shape == (3, 64, 64, 3)
    assert found.mask is not None and found.mask.shape == (3, 8, 8) and found.mask.mean() == 0.75
    hidden = found.mask.repeat(8, 1).repeat(8, 2)
    np.testing.assert_array_equal(found.outputs[~hidden], found.originals[~hidden])
    np.testing.assert_array_equal(found.inputs[~hidden], found.originals[~hidden])
    assert (found.inputs[hidden] == 0.5).all() and np.ptp(found.outputs[hidden]) > 0
    assert found.outputs.min() >= 0 and found.outputs.max() <= 1


def test_images_come_as_folder_paths_pictures_or_tensors(trained: TrainingResult, pictures: Path) -> None:
    files = sorted((pictures / "blue").iterdir())[:2]
    tensors = [torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) for file in files]
    each = [mmmim.reconstruct(trained.checkpoint, given) for given in (files, [Image.open(f) for f in files], tensors)]
    assert all(np.array_equal(each[0].outputs, other.outputs) for other in each[1:])
    other_mask = mmmim.reconstruct(trained.checkpoint, files, seed=1)
    assert not np.array_equal(each[0].mask, other_mask.mask)
    assert len(mmmim.reconstruct(trained.work_dir, "toy", num=2).originals) == 2


def test_methods_without_pixels_are_refused(pictures: Path, tmp_path: Path) -> None:
    options = {key: value for key, value in TINY.items() if "neck" not in key and "backbone" not in key}
    run = mmmim.train("beit/vit-tiny_toy", pictures, work_dir=tmp_path, cfg_options=options, epochs=1)
    with pytest.raises(UsageError, match=r"predicts .*no pixels of its input"):
        mmmim.reconstruct(run.work_dir, pictures, num=2)


def test_a_checkpoint_without_its_config(trained: TrainingResult, pictures: Path, tmp_path: Path) -> None:
    assert trained.checkpoint is not None
    moved = tmp_path / "moved.pth"
    moved.write_bytes(trained.checkpoint.read_bytes())
    with pytest.raises(UsageError, match="holds no config"):
        mmmim.reconstruct(moved, pictures)
    (config,) = trained.work_dir.glob("*.py")
    assert len(mmmim.reconstruct(moved, pictures, config=config, num=1).originals) == 1
