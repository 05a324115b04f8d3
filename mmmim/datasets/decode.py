"""Image file -> 8-bit image with the wanted number of channels."""

from __future__ import annotations

import os

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import tv_tensors

from mmmim.checks import UsageError

IMAGE_EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pnm", ".tif", ".tiff", ".webp", ".npy",
)  # fmt: skip
PIL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def decode_image(path: str | os.PathLike[str], channels: int = 3) -> Image.Image | tv_tensors.Image:
    """Read ``path`` upright and with 8 bits per channel.

    Every mode PIL knows is converted: palette, gray, CMYK; alpha is dropped unless ``channels`` is 4; 16-bit integers
    are divided by 257, floats are taken to lie in 0..1. EXIF rotation is applied. ``.npy`` arrays, ``(H, W)`` or
    ``(H, W, C)`` of uint8 or uint16, may have any number of channels and come back as a ``(C, H, W)`` tensor.
    """
    if os.fspath(path).lower().endswith(".npy"):
        return _from_array(np.load(path, allow_pickle=False), channels)
    if channels not in PIL_MODES:
        raise UsageError(f"channels: image files have 1, 3 or 4, got {channels}; store such images as .npy")
    with Image.open(path) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        upright = Image.fromarray(_to_8_bit(np.asarray(upright)))
    elif upright.mode == "P" and "transparency" in upright.info:
        upright = upright.convert("RGBA")
    return upright if upright.mode == PIL_MODES[channels] else upright.convert(PIL_MODES[channels])


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if np.issubdtype(values.dtype, np.floating):
        return np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
    if np.issubdtype(values.dtype, np.integer):
        return np.rint(np.clip(values, 0, 65535) / 257).astype(np.uint8)
    raise ValueError(f"expected integers or floats, got {values.dtype}")


def _from_array(array: np.ndarray, channels: int) -> tv_tensors.Image:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] != channels:
        raise UsageError(f"expected an array (H, W, {channels}), got {array.shape}; set channels={array.shape[-1]}")
    return tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(_to_8_bit(array).transpose(2, 0, 1))))
