"""Reconstruct images with a pre-trained model, as arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmmim.config.crops import crop_size
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.visualization.reconstruction import is_of_input_pixels, predicts_normalised, reconstruction_columns
from mmmim.visualization.sources import (
    checkpoint_file,
    cover,
    load_images,
    load_model,
    normalisation,
    normalise,
    run_config,
)

from .encoder import AnyImage, ImageTransform


@dataclass
class Reconstruction:
    """Images, what the encoder saw of them, and how the model reconstructs them.

    Attributes:
        originals, inputs, outputs: ``(B, H, W, 3)`` in [0, 1]; hidden patches of ``inputs`` are grey, and ``outputs``
            are predictions where the input was hidden or altered and the input elsewhere.
        mask: ``(B, h, w)``, True where a patch was hidden; None if the method hides none.
        caption: Says what the outputs are.
    """

    originals: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    mask: np.ndarray | None
    caption: str


def reconstruct(
    checkpoint: str | os.PathLike[str],
    images: str | os.PathLike[str] | Sequence[AnyImage],
    *,
    config: str | os.PathLike[str] | None = None,
    num: int = 8,
    seed: int = 0,
) -> Reconstruction:
    """Return how a pre-trained model reconstructs images.

    Args:
        checkpoint: The folder of a pre-training run, or a checkpoint in it.
        images: A folder, of which ``num`` images are taken; ``"toy"`` for the built-in ones; or a list of paths,
            pictures of Pillow, or uint8 tensors ``(C, H, W)``.
        config: Config of the run. Default: the one in the folder of the checkpoint.
        seed: Of masks and degradations.

    Raises:
        UsageError: The model predicts no pixels of its input.
    """
    file = checkpoint_file(os.fspath(checkpoint))
    cfg = load_config(os.fspath(config) if config is not None else str(run_config(file.parent)))
    model: Any = load_model(cfg, file, seed)
    size = crop_size(cfg, model.backbone.img_size)
    channels = model.backbone.in_channels
    if isinstance(images, (str, os.PathLike)):
        batch = load_images(os.fspath(images), size, channels, num)
    else:
        decode = ImageTransform(size, channels, model.data_preprocessor)
        batch = torch.stack([cover(decode.decoded(image), size) for image in images])
    model.set_step(seed, 0)
    with torch.no_grad():
        prediction = model(normalise(model, batch), mode="predict")
    if not is_of_input_pixels(prediction):
        raise UsageError(
            f"{type(model).__name__} with this config predicts {prediction['target_space']!s}, no pixels of its input; "
            "draw target and prediction with: python tools/visualize.py reconstruction"
        )
    columns, caption = reconstruction_columns(prediction, *normalisation(model), predicts_normalised(model))
    originals, inputs, outputs = (np.stack(column.images) for column in columns)
    mask = prediction["mask"]
    return Reconstruction(originals, inputs, outputs, None if mask is None else mask.numpy(), caption)
