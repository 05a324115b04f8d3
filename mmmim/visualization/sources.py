"""The material of a picture: a model with or without trained weights, and images that fit it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.runner.utils import set_random_seed
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from mmmim.checkpoint.files import stored_checkpoints
from mmmim.checkpoint.reader import is_checkpoint
from mmmim.config.crops import crop_size
from mmmim.datasets import ImageFolder, ToyImages
from mmmim.datasets.pixel_values import ValueRange
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.registry import MODELS

from .options import TOY


def load_model(config: Config, checkpoint: str | Path | None = None, seed: int = 0) -> nn.Module:
    """Return the config's model in eval mode, with the weights of ``checkpoint`` or as ``seed`` initialises it.

    Args:
        checkpoint: A file, or a work directory, of which the newest checkpoint is taken.

    Raises:
        UsageError: The config is not one of pre-training, or the checkpoint does not belong to it.
    """
    init_default_scope(config.get("default_scope", "mmmim"))
    set_random_seed(seed)
    settings = dict(config.model)
    settings.setdefault("data_preprocessor", config.get("data_preprocessor"))
    model = MODELS.build(settings)
    if not hasattr(model, "draw_picture_mask"):
        raise UsageError(
            f"config: model.type={config.model.type!r} hides no patches and predicts no images; "
            "give the config of a pre-training run"
        )
    if checkpoint is not None:
        try:
            load_checkpoint(model, str(checkpoint_file(checkpoint)), map_location="cpu", strict=True)
        except RuntimeError as error:
            raise UsageError(f"CKPT: '{checkpoint}' does not belong to this config: {error}") from None
    return model.eval()


def checkpoint_file(path: str | Path) -> Path:
    """Return the checkpoint that ``path`` names; a work directory stands for its newest checkpoint."""
    path = Path(path)
    if path.is_dir() and not is_checkpoint(path):
        path = next(iter(stored_checkpoints(path, path)), path)
    if not is_checkpoint(path):
        raise UsageError(f"CKPT: no checkpoint at '{path}'; give a .pth file or the work directory of a run")
    return path


def load_run(run: str | Path, seed: int = 0) -> tuple[Config, Any]:
    """Return the config and the trained model of a work directory."""
    config = load_config(str(run_config(run)))
    return config, load_model(config, run, seed)


def run_config(work_dir: str | Path) -> Path:
    """Return the config file that a run left in its work directory."""
    found = sorted(Path(work_dir).glob("*.py"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise UsageError(f"RUN: '{work_dir}' holds no config; give the work directory of a pre-training run")
    return found[-1]


def load_images(
    source: str,
    size: tuple[int, int],
    channels: int = 3,
    num: int = 8,
    value_range: ValueRange | None = None,
) -> Tensor:
    """Return ``num`` uint8 images ``(B, C, H, W)``, evenly spaced over a folder or over the built-in data (``toy``)."""
    if num < 1:
        raise UsageError(f"--num: at least 1, got {num}")
    if source == TOY:
        dataset: Any = ToyImages(num, size, split="val", channels=channels)
    else:
        crop = [lambda image: cover(image, size)]
        dataset = ImageFolder(source, crop, labelled=False, channels=channels, value_range=value_range)
    count = min(num, len(dataset))
    return torch.stack([dataset[i * len(dataset) // count]["inputs"] for i in range(count)])


def load_crops(config: Config, model: nn.Module, source: str, num: int) -> Tensor:
    """Return images of the size that the config trains on, each of them the centre of its picture."""
    backbone: Any = model.backbone
    size = crop_size(config, backbone.img_size)
    return load_images(source, size, backbone.in_channels, num, trained_range(config))


def trained_range(config: Config) -> Any:
    """Return the range of values in which a config reads its training images; None where it has none."""
    return ((config.get("train_dataloader") or {}).get("dataset") or {}).get("value_range")


def cover(image: Any, size: Sequence[int]) -> Any:
    """Resize an image, keeping its aspect ratio, until ``size`` (H, W) is covered, then crop the centre."""
    height, width = F.get_size(image)
    scale = max(size[0] / height, size[1] / width)
    wanted = [max(size[0], round(height * scale)), max(size[1], round(width * scale))]
    return F.center_crop(F.resize(image, wanted, InterpolationMode.BICUBIC, antialias=True), list(size))


def normalisation(model: nn.Module) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation (0..255) of the model's data preprocessor."""
    preprocessor: Any = model.data_preprocessor
    return preprocessor.mean.flatten().tolist(), preprocessor.std.flatten().tolist()


def normalise(model: nn.Module, images: Tensor) -> Tensor:
    """Return uint8 images as the model sees them."""
    preprocessor: Any = model.data_preprocessor
    return preprocessor(dict(inputs=images))["inputs"]
