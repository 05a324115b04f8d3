from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.visualization.sources import load_images, load_model


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
