"""Read what image files store: values of any type, of any number of channels."""

from __future__ import annotations

import io
import logging
import math
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from .jpeg import JPEG_START, decode_jpeg

PIL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
ARRAY_START = b"\x93NUMPY"
TIFF_STARTS = (b"II", b"MM")
# Pillow complains of every TIFF file of many channels before it refuses it, and tifffile reads it.
logging.getLogger("PIL.TiffImagePlugin").addFilter(lambda record: "samples per pixel" not in str(record.msg))


class StoredImage(NamedTuple):
    """The values of an image file as they are stored, and its format with Pillow's mode, such as ``JPEG RGB``."""

    kind: str
    values: np.ndarray  # (H, W, C) of any type


def stored_image(content: bytes) -> StoredImage:
    """Return what a file stores: the number of channels and the type of values are those of the file.

    What training decodes can be read here too, and what fails here fails there. Palettes become colours.
    """
    if content.startswith(ARRAY_START):
        return StoredImage("NPY", _with_channels(read_array(content)))
    if content.startswith(TIFF_STARTS) and (many := many_channels(content)) is not None:
        return StoredImage("TIFF", many)
    with opened(content) as image:
        kind = f"{image.format} {image.mode}"
        has_alpha = image.mode in ("LA", "PA") or "transparency" in image.info
        channels = 1 if image.mode == "L" else 3
        if content.startswith(JPEG_START) and (pixels := decode_jpeg(content, channels)) is not None:
            return StoredImage(kind, pixels)
        values = deep_values(image, content)
        if values is None:
            upright = ImageOps.exif_transpose(image)
            values = np.asarray(upright.convert("RGBA" if has_alpha else plain_mode(upright)))
    return StoredImage(kind, _with_channels(values))


def _with_channels(values: np.ndarray) -> np.ndarray:
    if values.ndim not in (2, 3):
        raise ValueError(f"an array of shape {values.shape}, which is neither (H, W) nor (H, W, C)")
    return values[..., None] if values.ndim == 2 else values


def opened(content: bytes) -> Image.Image:
    """Return the image of Pillow in a file, which is not decoded yet."""
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise UnidentifiedImageError(f"{len(content):,} bytes in no format that Pillow knows") from None


def read_array(content: bytes) -> np.ndarray:
    """Return the array in an ``.npy`` file."""
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


def deep_values(image: Image.Image, content: bytes) -> np.ndarray | None:
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


def plain_mode(image: Image.Image) -> str:
    """Return the mode of 8 bits without a palette that holds an image: ``L``, ``RGB`` or ``RGBA``."""
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


def many_channels(content: bytes) -> np.ndarray | None:
    """Return ``(H, W, C)`` of a TIFF file of which Pillow would not read all channels, else None.

    These are files of more than four channels or of several with 32 bits; and files of colours and a fourth channel
    that is not called alpha, unless their compression is one that tifffile alone does not read.
    """
    with suppress(OSError), Image.open(io.BytesIO(content)) as image:
        tags: Any = getattr(image, "tag_v2", {})
        samples, bands = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1), len(image.getbands())
        plain = image.info.get("compression") in ("raw", "tiff_adobe_deflate")
        if samples <= bands or (samples <= max(PIL_MODES) and not plain):
            return None
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        series = file.series[0]
        array, axes = series.asarray(), series.axes
    if array.ndim == 3:
        return np.moveaxis(array, (axes.index("Y"), axes.index("X")), (0, 1))
    return array[..., None]
