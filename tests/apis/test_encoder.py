from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

import mmmim
from mmmim.apis import TrainingResult
from mmmim.checkpoint.reader import read_file


def test_the_transform_takes_paths_pictures_and_tensors(tmp_path: Path) -> None:
    transform = mmmim.get_model("mae/vit-tiny_toy").default_transform
    picture = Image.radial_gradient("L").convert("RGB")
    picture.save(tmp_path / "a.png")
    of_file, of_picture = transform(tmp_path / "a.png"), transform(picture)
    assert torch.equal(of_file, of_picture) and of_file.dtype == torch.float32


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
