from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from PIL import Image

from mmmim.commands.visualize import main
from mmmim.datasets import ToyImages
from mmmim.models.algorithms import MaskedImageModel
from mmmim.visualization.recovery import object_mask

ROOT = Path(__file__).parents[2]
MODEL = dict(
    data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    backbone=dict(
        type="mmmim.Swin",
        arch=dict(embed_dims=8, depths=(1, 1), num_heads=(1, 2)),
        img_size=64,
        patch_size=4,
        window_size=4,
    ),
    masker=dict(type="mmmim.RandomMasker", mask_ratio=0.6, cell_size=8),
    neck=dict(type="mmmim.LinearDecoder"),
    target_generator=dict(type="mmmim.PixelTarget", norm_pix="none"),
    head=dict(type="mmmim.ReconstructionHead", loss="l1"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work directory: config and checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    model = MaskedImageModel(**MODEL)
    Config(dict(default_scope="mmmim", model=dict(type="MaskedImageModel", **MODEL))).dump(folder / "config.py")
    save_checkpoint(dict(state_dict=model.state_dict()), str(folder / "epoch_1.pth"))
    return folder


def test_objects_are_covered_by_whole_cells() -> None:
    model = MaskedImageModel(**MODEL)
    objects = torch.from_numpy(ToyImages(4, 64, split="val").object_mask(1))
    generator = torch.Generator().manual_seed(0)
    whole, most = (object_mask(model, objects, kind, generator).mask[0] for kind in ("object", "most"))
    cells = objects.unflatten(1, (8, 8)).unflatten(0, (8, 8)).any(3).any(1)  # (8,8)
    assert whole.equal(cells.repeat_interleave(2, 0).repeat_interleave(2, 1))
    assert not (most & ~whole).any()
    assert abs(most.sum().item() / whole.sum().item() - 0.75) < 0.03


def visualize(*words: object) -> int:
    return main([str(word) for word in words])


def test_picture_of_two_runs_under_three_masks(run: Path, tmp_path: Path) -> None:
    words = ["--masks", "own", "most", "object", "--num", 2, "--names", "one", "two", "--whole"]
    assert visualize("recovery", run, run, *words, "--out", tmp_path / "out.png") == 0
    width, height = Image.open(tmp_path / "out.png").size
    assert height > width  # six rows, five columns


def test_masks_of_ones_own_images(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, value in (("images", 90), ("objects", 255)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((80, 64), value, np.uint8)).save(tmp_path / folder / "a.png")
    words = ["recovery", run, "--data", tmp_path / "images", "--masks", "object", "--out", tmp_path / "out.png"]
    assert visualize(*words) == 2 and "need masks of the objects" in capsys.readouterr().err
    assert visualize(*words, "--objects", tmp_path / "objects") == 0


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert visualize("recovery", tmp_path, "--out", tmp_path / "out.png") == 2
    assert "holds no config" in capsys.readouterr().err
