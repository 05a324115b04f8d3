from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mmmim
from mmmim.apis import TrainingResult
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.visualization.sources import load_model


def test_what_was_seen_stays_and_what_was_hidden_is_predicted(trained: TrainingResult, pictures: Path) -> None:
    found = mmmim.reconstruct(trained.work_dir, pictures, num=3)
    assert found.originals.shape == found.inputs.shape == found.outputs.shape == (3, 64, 64, 3)
    assert found.mask.shape == (3, 8, 8) and found.mask.mean() == 0.75
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


@pytest.fixture
def untrained(tmp_path: Path) -> Callable[[str], Path]:
    """``untrained(name)``: the folder of a run that ended before its first step."""

    def write(name: str) -> Path:
        cfg = load_config(name)
        cfg.dump(str(tmp_path / "config.py"))
        torch.save(dict(state_dict=load_model(cfg).state_dict(), meta={}), tmp_path / "epoch_1.pth")
        return tmp_path

    return write


OF_PIXELS = [
    name
    for name in mmmim.list_models("*toy")
    if name.startswith(("mae", "simmim", "ccmim", "beyond_masking")) or "respix" in name
]


@pytest.mark.parametrize("name", OF_PIXELS)
def test_methods_that_predict_pixels_reconstruct(name: str, untrained: Callable[[str], Path]) -> None:
    found = mmmim.reconstruct(untrained(name), "toy", num=2)
    assert found.originals.shape == found.inputs.shape == found.outputs.shape == (2, 64, 64, 3)
    assert not np.array_equal(found.inputs, found.originals) and not np.array_equal(found.outputs, found.originals)
    assert found.mask.shape[0] == 2 and found.mask.dtype == bool
    again = mmmim.reconstruct(untrained(name), "toy", num=2)
    assert np.array_equal(found.outputs, again.outputs) and np.array_equal(found.inputs, again.inputs)


def test_the_integrated_task_recovers_more_than_its_input(untrained: Callable[[str], Path]) -> None:
    found = mmmim.reconstruct(untrained("beyond_masking/vit-tiny_integrated_toy"), "toy", num=2)
    seen = ~found.mask.repeat(8, 1).repeat(8, 2)
    centre = torch.from_numpy(found.originals).permute(0, 3, 1, 2)[:, :, 11:-11, 11:-11]  # 42 of 64 are 64 of 96 pixels
    enlarged = torch.nn.functional.interpolate(centre, (64, 64), mode="bilinear").permute(0, 2, 3, 1).numpy()
    error = np.abs(found.inputs - enlarged)[seen].mean()
    assert error < 0.5 * np.abs(found.inputs - found.originals)[seen].mean()
    assert "The target is not the input" in found.caption


WITHOUT_PIXELS = {
    "beit/vit-tiny_toy": "predicts tokens",
    "cim/vit-tiny_revdet_toy": "predicts replaced",
    "conmim/vit-tiny_toy": "predicts pixels of the patches whose features were found",
}


@pytest.mark.parametrize("name", WITHOUT_PIXELS)
def test_methods_without_pixels_are_refused(name: str, untrained: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match=rf"{WITHOUT_PIXELS[name]}, not the pixels of its input") as told:
        mmmim.reconstruct(untrained(name), "toy", num=2)
    assert "\n" not in str(told.value)


def test_one_image_needs_no_list(trained: TrainingResult, pictures: Path) -> None:
    file = next((pictures / "red").iterdir())
    of_list = mmmim.reconstruct(trained.work_dir, [file])
    pixels = np.array(Image.open(file))
    for image in (file, str(file), Image.open(file), pixels, torch.from_numpy(pixels).permute(2, 0, 1)):
        assert np.array_equal(mmmim.reconstruct(trained.work_dir, image).outputs, of_list.outputs)


def test_generators_of_the_caller_go_on(trained: TrainingResult, pictures: Path) -> None:
    def draws() -> list[float]:
        return [random.random(), np.random.rand(), torch.rand(1).item()]

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    expected = draws()
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    mmmim.reconstruct(trained.work_dir, pictures, num=1)
    assert draws() == expected


def test_images_that_are_none_are_one_line(trained: TrainingResult, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"'.*a\.png' cannot be read"):
        mmmim.reconstruct(trained.work_dir, [tmp_path / "a.png"])
    with pytest.raises(UsageError, match="images: the list is empty"):
        mmmim.reconstruct(trained.work_dir, [])
    with pytest.raises(UsageError, match="num=0: at least 1"):
        mmmim.reconstruct(trained.work_dir, "toy", num=0)


def test_a_checkpoint_without_its_config(trained: TrainingResult, pictures: Path, tmp_path: Path) -> None:
    assert trained.checkpoint is not None
    moved = tmp_path / "moved.pth"
    moved.write_bytes(trained.checkpoint.read_bytes())
    with pytest.raises(UsageError, match="holds no config"):
        mmmim.reconstruct(moved, pictures)
    (config,) = trained.work_dir.glob("*.py")
    assert len(mmmim.reconstruct(moved, pictures, config=config, num=1).originals) == 1
