"""Read image files as 8-bit images with the wanted number of channels."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from mmmim.errors import UsageError

from .jpeg import JPEG_START, Reduction, decode_jpeg
from .pixel_values import ValueRange, to_8_bit
from .storage import read_file
from .stored_values import (
    ARRAY_START,
    PIL_MODES,
    TIFF_STARTS,
    deep_values,
    many_channels,
    opened,
    plain_mode,
    read_array,
)

ARRAY = ".npy"
FREQUENT_EXTENSIONS = (".jpg", ".jpeg", ".png")
TIFF_EXTENSIONS = (".tif", ".tiff")
# Formats that Pillow recognises, but that another program or a handler has to decode.
NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


@cache
def image_extensions(channels: int = 3) -> tuple[str, ...]:
    """Return the extensions that are read by default: ``.npy`` and those of all formats that Pillow decodes.

    This includes Pillow's plugins. Only arrays and TIFF files have other numbers of channels than 1, 3 and 4.
    """
    if channels not in PIL_MODES:
        return (ARRAY, *TIFF_EXTENSIONS)
    decoded = Image.registered_extensions().items()  # this call loads all plugins of Pillow
    found = {extension for extension, name in decoded if name in Image.OPEN and name not in NOT_DECODED}
    return (*FREQUENT_EXTENSIONS, *sorted(found - set(FREQUENT_EXTENSIONS)), ARRAY)


def decode_image(
    path: str | os.PathLike[str],
    channels: int = 3,
    value_range: ValueRange | None = None,
    reduction: Reduction | None = None,
) -> Tensor:
    """Return the image of a file, ``(C, H, W)`` uint8, upright, its pixels one after the other (channels last).

    libjpeg-turbo decodes JPEG files, NumPy reads arrays, Pillow does the rest. Every mode of Pillow is converted:
    palette, gray, CMYK; alpha is dropped unless ``channels`` is 4. EXIF rotation is applied. Arrays (``.npy``),
    ``(H, W)`` or ``(H, W, C)``, and TIFF files may have any number of channels.

    Args:
        value_range: The values ``(low, high)`` that become 0 and 255, or one such pair for each channel of the file.
            Values between them are scaled linearly, values outside are clipped, NaN becomes 0. By default 8-bit values
            stay as they are, and 16-bit ones (uint16) have the range ``(0, 65535)``.
        reduction: Returns for the height and width of a JPEG file by which factor (1, 2, 4 or 8) the result may be
            smaller than the file says, which saves most of the time; see :func:`~.transforms.reduction_of`.

    Raises:
        UsageError: The file has values of another type and ``value_range`` is None, or it is an array with another
            number of channels.
    """
    return decode_bytes(read_file(path), os.fspath(path), channels, value_range, reduction)


def decode_bytes(
    content: bytes,
    name: str,
    channels: int = 3,
    value_range: ValueRange | None = None,
    reduction: Reduction | None = None,
) -> Tensor:
    """Return the image in the ``content`` of a file, as :func:`decode_image` does; ``name`` is for messages."""
    if content.startswith(JPEG_START) and value_range is None:
        pixels = decode_jpeg(content, channels, reduction)
        if pixels is not None:
            return to_tensor(pixels)
    if content.startswith(ARRAY_START):
        return _checked(to_8_bit(read_array(content), value_range, name), channels, name)
    if content.startswith(TIFF_STARTS) and (many := many_channels(content)) is not None:
        values = to_8_bit(many, value_range, name)
        if values.shape[2] in PIL_MODES and channels in PIL_MODES:
            return to_tensor(_as_image(values).convert(PIL_MODES[channels]))
        return _checked(values, channels, name)
    if channels not in PIL_MODES:
        raise UsageError(
            f"channels: image files have 1, 3 or 4, got {channels}; store such images as .npy or TIFF ({name})"
        )
    with opened(content) as image:
        return to_tensor(_from_pillow(image, content, channels, value_range, name))


def to_tensor(image: Image.Image | np.ndarray | Tensor) -> Tensor:
    """Return an image ``(C, H, W)``: of Pillow, an array ``(H, W, C)``, or what is such a tensor already."""
    if isinstance(image, Tensor):
        return image
    pixels = np.array(image) if isinstance(image, Image.Image) else image
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).permute(2, 0, 1)


def _from_pillow(
    image: Image.Image, content: bytes, channels: int, value_range: ValueRange | None, name: str
) -> Image.Image:
    deep = deep_values(image, content)
    if deep is not None:
        eight_bit = _as_image(to_8_bit(deep, value_range, name))
        eight_bit.info["exif"] = image.getexif().tobytes()
        image = eight_bit
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "P" and "transparency" in upright.info:
        upright = upright.convert("RGBA")
    if value_range is not None and deep is None:
        upright = _as_image(to_8_bit(np.asarray(upright.convert(plain_mode(upright))), value_range, name))
    return upright if upright.mode == PIL_MODES[channels] else upright.convert(PIL_MODES[channels])


def _as_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def _checked(values: np.ndarray, channels: int, name: str) -> Tensor:
    if values.shape[2] != channels:
        raise UsageError(
            f"{name}: expected an array (H, W, {channels}), got {values.shape}; set channels={values.shape[2]}"
        )
    return to_tensor(values)
