"""Read image files as 8-bit images with the wanted number of channels."""

from __future__ import annotations

import io
import logging
import math
import os
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from mmmim.errors import UsageError

from .jpeg import JPEG_START, Reduction, decode_jpeg
from .pixel_values import ValueRange, to_8_bit
from .storage import read_file

PIL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
ARRAY, ARRAY_START = ".npy", b"\x93NUMPY"
FREQUENT_EXTENSIONS = (".jpg", ".jpeg", ".png")
TIFF_EXTENSIONS = (".tif", ".tiff")
# Formats that Pillow recognises, but that another program or a handler has to decode.
NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


# Pillow complains of every TIFF file of many channels before it refuses it, and tifffile reads it.
logging.getLogger("PIL.TiffImagePlugin").addFilter(lambda record: "samples per pixel" not in str(record.msg))


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
        return _checked(to_8_bit(_read_array(content), value_range, name), channels, name)
    if content[:2] in (b"II", b"MM") and (many := _many_channels(content)) is not None:
        values = to_8_bit(many, value_range, name)
        if values.shape[2] in PIL_MODES and channels in PIL_MODES:
            return to_tensor(_as_image(values).convert(PIL_MODES[channels]))
        return _checked(values, channels, name)
    if channels not in PIL_MODES:
        raise UsageError(
            f"channels: image files have 1, 3 or 4, got {channels}; store such images as .npy or TIFF ({name})"
        )
    with _opened(content) as image:
        return to_tensor(_from_pillow(image, content, channels, value_range, name))


class StoredImage(NamedTuple):
    """The values of an image file as they are stored, and its format with Pillow's mode, such as ``JPEG RGB``."""

    kind: str
    values: np.ndarray  # (H, W, C) of any type


def stored_image(content: bytes) -> StoredImage:
    """Return what a file stores: the number of channels and the type of values are those of the file.

    What training decodes can be read here too, and what fails here fails there. Palettes become colours.
    """
    if content.startswith(ARRAY_START):
        return StoredImage("NPY", _with_channels(_read_array(content)))
    if content[:2] in (b"II", b"MM") and (many := _many_channels(content)) is not None:
        return StoredImage("TIFF", many)
    with _opened(content) as image:
        kind = f"{image.format} {image.mode}"
        has_alpha = image.mode in ("LA", "PA") or "transparency" in image.info
        channels = 1 if image.mode == "L" else 3
        if content.startswith(JPEG_START) and (pixels := decode_jpeg(content, channels)) is not None:
            return StoredImage(kind, pixels)
        values = _deep_values(image, content)
        if values is None:
            upright = ImageOps.exif_transpose(image)
            values = np.asarray(upright.convert("RGBA" if has_alpha else _plain_mode(upright)))
    return StoredImage(kind, _with_channels(values))


def _with_channels(values: np.ndarray) -> np.ndarray:
    if values.ndim not in (2, 3):
        raise ValueError(f"an array of shape {values.shape}, which is neither (H, W) nor (H, W, C)")
    return values[..., None] if values.ndim == 2 else values


def to_tensor(image: Image.Image | np.ndarray | Tensor) -> Tensor:
    """Return an image ``(C, H, W)``: of Pillow, an array ``(H, W, C)``, or what is such a tensor already."""
    if isinstance(image, Tensor):
        return image
    pixels = np.array(image) if isinstance(image, Image.Image) else image
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).permute(2, 0, 1)


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise UnidentifiedImageError(f"{len(content):,} bytes in no format that Pillow knows") from None


def _read_array(content: bytes) -> np.ndarray:
    end = 10 + int.from_bytes(content[8:10], "little")
    known = _plain_array(content[:end])
    if known is None:
        return np.load(io.BytesIO(content), allow_pickle=False)
    shape, dtype = known
    return np.frombuffer(content, dtype, math.prod(shape), offset=end).reshape(shape)


@lru_cache(maxsize=4096)
def _plain_array(header: bytes) -> tuple[tuple[int, ...], np.dtype] | None:
    """Return shape and type of an array of numbers in C order, or None for any other that NumPy may read."""
    stream = io.BytesIO(header)
    if np.lib.format.read_magic(stream) != (1, 0):
        return None
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    return None if fortran_order or dtype.hasobject else (shape, dtype)


def _from_pillow(
    image: Image.Image, content: bytes, channels: int, value_range: ValueRange | None, name: str
) -> Image.Image:
    deep = _deep_values(image, content)
    if deep is not None:
        eight_bit = _as_image(to_8_bit(deep, value_range, name))
        eight_bit.info["exif"] = image.getexif().tobytes()
        image = eight_bit
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "P" and "transparency" in upright.info:
        upright = upright.convert("RGBA")
    if value_range is not None and deep is None:
        upright = _as_image(to_8_bit(np.asarray(upright.convert(_plain_mode(upright))), value_range, name))
    return upright if upright.mode == PIL_MODES[channels] else upright.convert(PIL_MODES[channels])


def _deep_values(image: Image.Image, content: bytes) -> np.ndarray | None:
    """Load an opened image, and return its values if it has more than 8 bits."""
    reduced = _reduces_to_8_bit(image)
    image.load()
    if reduced:
        return _read_deep(content)
    if not image.mode.startswith(("I", "F")):
        return None
    values = np.asarray(image)
    # 16-bit gray, which Pillow keeps in 32 bits
    return values.astype(np.uint16) if image.mode == "I" and image.format in ("PNG", "PPM") else values


def _plain_mode(image: Image.Image) -> str:
    return image.mode if image.mode in PIL_MODES.values() else "L" if image.mode == "1" else "RGB"


def _reduces_to_8_bit(image: Image.Image) -> bool:
    """Return whether the file has 16 bits in each of several channels, of which Pillow would keep 8."""
    tiles: Any = getattr(image, "tile", None)
    if image.mode not in ("RGB", "RGBA") or image.format not in ("PNG", "TIFF", "PPM") or not tiles:
        return False
    arguments = tiles[0][3]
    raw, *others = [arguments] if isinstance(arguments, str) else [*arguments]
    return ";16" in str(raw) or (image.format == "PPM" and any(int(value) > 255 for value in others))


def _read_deep(content: bytes) -> np.ndarray:
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("OpenCV, which reads 16-bit colour, cannot decode it")
    return cv2.cvtColor(values, cv2.COLOR_BGRA2RGBA if values.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _many_channels(content: bytes) -> np.ndarray | None:
    """Return ``(H, W, C)`` of a TIFF file that Pillow cannot open (many channels, or several of 32 bits), else None."""
    with suppress(OSError), Image.open(io.BytesIO(content)):
        return None
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        series = file.series[0]
        array, axes = series.asarray(), series.axes
    if array.ndim == 3:
        return np.moveaxis(array, (axes.index("Y"), axes.index("X")), (0, 1))
    return array[..., None]


def _as_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def _checked(values: np.ndarray, channels: int, name: str) -> Tensor:
    if values.shape[2] != channels:
        raise UsageError(
            f"{name}: expected an array (H, W, {channels}), got {values.shape}; set channels={values.shape[2]}"
        )
    return to_tensor(values)
