"""Reconstruct images with a pre-trained model, as arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mmmim.config.crops import crop_size
from mmmim.datasets.decode import image_extensions
from mmmim.datasets.pixel_values import ValueRange
from mmmim.datasets.seeding import seeded_sample
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.visualization.pixels import denormalize, to_rgb
from mmmim.visualization.reconstruction import (
    input_images,
    is_of_input_pixels,
    output_images,
    predicts_normalised,
    predicts_pixels,
    reconstruction_columns,
    unaided_images,
)
from mmmim.visualization.sources import (
    checkpoint_file,
    cover,
    load_images,
    load_model,
    normalisation,
    normalise,
    run_config,
    trained_range,
)

from .encoder import AnyImage, ImageTransform


@dataclass
class Reconstruction:
    """Images, what the encoder saw of them, and how the model reconstructs them.

    Attributes:
        originals, inputs, outputs: ``(B, H, W, 3)`` in [0, 1]; hidden patches of ``inputs`` are grey, and ``outputs``
            are predictions where the input was hidden or altered and the input elsewhere. Where a method recovers more
            than its input shows (the integrated task of Beyond Masking), ``outputs`` are predictions everywhere, and
            ``originals`` are what they should be. Of more than three channels these are the first three.
        unaided: The predictions by themselves, everywhere. Where the model predicts normalised patches, ``outputs``
            have the mean and standard deviation of the true ones, and these have not.
        mask: ``(B, h, w)``, True where a patch was hidden; nowhere where the method hides none.
        caption: Says what the outputs are.
    """

    originals: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    unaided: np.ndarray
    mask: np.ndarray
    caption: str


def reconstruct(
    checkpoint: str | os.PathLike[str],
    images: AnyImage | Sequence[AnyImage],
    *,
    config: str | os.PathLike[str] | None = None,
    num: int = 8,
    seed: int = 0,
) -> Reconstruction:
    """Return how a pre-trained model reconstructs images.

    Args:
        checkpoint: The folder of a pre-training run, or a checkpoint in it.
        images: A folder, of which ``num`` images are taken; ``"toy"`` for the built-in ones; or one or several paths
            of images, pictures of Pillow, or pixels as :class:`~mmmim.apis.encoder.ImageTransform` takes them.
        config: Config of the run. Default: the one in the folder of the checkpoint.
        seed: Of masks and degradations.

    Raises:
        UsageError: The model predicts no pixels of its input.
    """
    if num < 1:
        raise UsageError(f"num={num}: at least 1")
    file = checkpoint_file(os.fspath(checkpoint))
    cfg = load_config(os.fspath(config) if config is not None else str(run_config(file.parent)))
    with seeded_sample(seed, 0, 0):  # gives the caller's generators back
        model: Any = load_model(cfg, file, seed)
        batch = _batch(images, crop_size(cfg, model.backbone.img_size), model, num, trained_range(cfg))
        model.set_step(seed, 0)
        with torch.no_grad():
            prediction = model(normalise(model, batch), mode="predict")
    if not predicts_pixels(prediction):
        raise UsageError(
            f"{type(model).__name__} with this config predicts {prediction['target_space']}, not the pixels of its "
            "input; draw target and prediction with: python tools/visualize.py reconstruction"
        )
    statistics = normalisation(model)
    _, caption = reconstruction_columns(prediction, *statistics, predicts_normalised(model))
    whole = is_of_input_pixels(prediction)  # otherwise the target is the whole crop, at the size of the input
    pictures = (
        to_rgb(denormalize(prediction["images" if whole else "target"], *statistics)),
        input_images(prediction, *statistics),
        output_images(prediction, *statistics),
        unaided_images(prediction, *statistics),
    )
    originals, inputs, outputs, unaided = map(np.stack, pictures)
    return Reconstruction(originals, inputs, outputs, unaided, prediction["mask"].numpy(), caption)


def _batch(
    images: AnyImage | Sequence[AnyImage], size: tuple[int, int], model: Any, num: int, value_range: ValueRange | None
) -> torch.Tensor:
    """Return uint8 images ``(B, C, H, W)`` of a source."""
    channels = model.backbone.in_channels
    if isinstance(images, (str, os.PathLike)) and Path(images).suffix.lower() not in image_extensions(channels):
        return load_images(os.fspath(images), size, channels, num, value_range)
    decode = ImageTransform(size, channels, model.data_preprocessor, value_range)
    single = isinstance(images, (str, os.PathLike, Image.Image)) or getattr(images, "ndim", 4) < 4
    listed: Any = [images] if single else images
    if not len(listed):
        raise UsageError("images: the list is empty; give at least one image")
    return torch.stack([cover(decode.decoded(image), size) for image in listed])
