from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mmmim
from mmmim.apis import TrainingResult
from mmmim.checkpoint.reader import read_file
from mmmim.errors import MissingFileError, UsageError


def test_the_transform_takes_paths_pictures_and_tensors(tmp_path: Path) -> None:
    transform = mmmim.get_model("mae/vit-tiny_toy").default_transform
    picture = Image.radial_gradient("L").convert("RGB")
    picture.save(tmp_path / "a.png")
    of_file, of_picture = transform(tmp_path / "a.png"), transform(picture)
    assert torch.equal(of_file, of_picture) and of_file.dtype == torch.float32


def test_arrays_and_tensors_of_the_same_picture_are_the_same() -> None:
    transform = mmmim.get_model("mae/vit-tiny_toy").default_transform
    pixels = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    of_array = transform(pixels)
    assert torch.equal(of_array, transform(Image.fromarray(pixels)))
    assert torch.equal(of_array, transform(torch.from_numpy(pixels).permute(2, 0, 1)))


def test_other_numbers_of_channels_and_sizes(tmp_path: Path) -> None:
    five = mmmim.get_model("mae/vit-tiny_toy", in_channels=5, img_size=(32, 64))
    np.save(tmp_path / "a.npy", np.zeros((40, 90, 5), np.uint8))
    assert five(five.default_transform(tmp_path / "a.npy")[None]).shape == (1, five.num_features)
    grey = mmmim.get_model("mae/vit-tiny_toy", in_channels=1)
    assert grey.default_transform(Image.new("RGB", (80, 90))).shape == (1, *grey.img_size)
    with pytest.raises(UsageError, match=r"expected 5 channels of uint8.*got a tensor \(3, 90, 80\) of torch\.uint8"):
        five.default_transform(Image.new("RGB", (80, 90)))


def test_what_is_no_image_is_one_line(tmp_path: Path) -> None:
    transform = mmmim.get_model("mae/vit-tiny_toy").default_transform
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"image: '.*a\.png' cannot be read \(UnidentifiedImageError: "):
        transform(tmp_path / "a.png")
    with pytest.raises(MissingFileError, match=r"image: there is no file '.*b\.png'"):
        transform(tmp_path / "b.png")
    with pytest.raises(UsageError, match=r"uint8 in 0\.\.255.*of torch\.float32"):
        transform(torch.rand(3, 80, 90))


def test_config_and_checkpoint_give_the_encoder_of_the_checkpoint_alone(trained: TrainingResult) -> None:
    alone = mmmim.load_encoder(trained.work_dir)
    (config,) = trained.work_dir.glob("*.py")
    together = mmmim.get_model(config, trained.checkpoint)
    images = torch.randn(2, 3, *alone.img_size)
    assert torch.equal(alone(images), together(images))
    stored = read_file(trained.checkpoint)["state_dict"]
    torch.testing.assert_close(alone.backbone.state_dict()["norm.weight"], stored["backbone.norm.weight"])
    assert mmmim.load_encoder(str(trained.checkpoint), pool="cls")(images).shape == alone(images).shape


def test_position_embeddings_are_resized(trained: TrainingResult) -> None:
    (config,) = trained.work_dir.glob("*.py")
    assert mmmim.get_model(config, trained.work_dir, img_size=64)(torch.zeros(1, 3, 64, 64)).shape == (1, 16)
