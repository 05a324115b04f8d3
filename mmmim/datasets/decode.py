"""Read image files as 8-bit images with the wanted number of channels."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torchvision import tv_tensors

from mmmim.errors import UsageError

from .storage import read_file

PIL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
ARRAY, ARRAY_START = ".npy", b"\x93NUMPY"
FREQUENT_EXTENSIONS = (".jpg", ".jpeg", ".png")
TIFF_EXTENSIONS = (".tif", ".tiff")
# Formats that Pillow recognises, but that another program or a handler has to decode.
NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
ValueRange = Sequence[float] | Sequence[Sequence[float]]


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
    path: str | os.PathLike[str], channels: int = 3, value_range: ValueRange | None = None
) -> Image.Image | tv_tensors.Image:
    """Return the image of a file, upright and with 8 bits per channel.

    Every mode of Pillow is converted: palette, gray, CMYK; alpha is dropped unless ``channels`` is 4. EXIF rotation is
    applied. Arrays (``.npy``), ``(H, W)`` or ``(H, W, C)``, may have any number of channels and are returned as a
    ``(C, H, W)`` tensor; so are TIFF files with other numbers than 1, 3 and 4.

    Args:
        value_range: The values ``(low, high)`` that become 0 and 255, or one such pair for each channel of the file.
            Values between them are scaled linearly, values outside are clipped, NaN becomes 0. By default 8-bit values
            stay as they are, and 16-bit ones (uint16) have the range ``(0, 65535)``.

    Raises:
        UsageError: The file has values of another type and ``value_range`` is None, or it is an array with another
            number of channels.
    """
    return decode_bytes(read_file(path), os.fspath(path), channels, value_range)


def decode_bytes(
    content: bytes, name: str, channels: int = 3, value_range: ValueRange | None = None
) -> Image.Image | tv_tensors.Image:
    """Return the image in the ``content`` of a file, as :func:`decode_image` does; ``name`` is for messages."""
    if content.startswith(ARRAY_START):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        return _as_tensor(_to_8_bit(array, value_range, name), channels, name)
    if content[:2] in (b"II", b"MM") and (many := _many_channels(content)) is not None:
        values = _to_8_bit(many, value_range, name)
        image = _as_image(values) if values.shape[2] in PIL_MODES and channels in PIL_MODES else None
        return _as_tensor(values, channels, name) if image is None else image.convert(PIL_MODES[channels])
    if channels not in PIL_MODES:
        raise UsageError(
            f"channels: image files have 1, 3 or 4, got {channels}; store such images as .npy or TIFF ({name})"
        )
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise UnidentifiedImageError(f"{len(content):,} bytes in no format that Pillow knows") from None
    with image:
        return _from_pillow(image, content, channels, value_range, name)


def _from_pillow(
    image: Image.Image, content: bytes, channels: int, value_range: ValueRange | None, name: str
) -> Image.Image:
    reduced = _reduces_to_8_bit(image)
    image.load()
    deep = image.mode.startswith(("I", "F")) or reduced
    if deep:
        values = _read_deep(content) if reduced else np.asarray(image)
        if image.mode == "I" and image.format in ("PNG", "PPM"):  # 16-bit gray, which Pillow keeps in 32 bits
            values = values.astype(np.uint16)
        eight_bit = _as_image(_to_8_bit(values, value_range, name))
        eight_bit.info["exif"] = image.getexif().tobytes()
        image = eight_bit
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "P" and "transparency" in upright.info:
        upright = upright.convert("RGBA")
    if value_range is not None and not deep:
        upright = _as_image(_to_8_bit(np.asarray(upright.convert(_plain_mode(upright))), value_range, name))
    return upright if upright.mode == PIL_MODES[channels] else upright.convert(PIL_MODES[channels])


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


def check_value_range(value_range: ValueRange | None) -> None:
    """Refuse anything but ``None``, ``(low, high)`` or a list of such pairs."""
    if value_range is None:
        return
    bounds = np.asarray(value_range, dtype=np.float64) if _is_regular(value_range) else np.empty(0)
    if bounds.shape[-1:] != (2,) or bounds.ndim > 2 or not (np.isfinite(bounds).all() and _rises(bounds)):
        raise UsageError(
            f"value_range={value_range!r}: give (low, high) with low < high, such as (0, 4095), or a list of one such "
            "pair per channel"
        )


def _is_regular(value_range: Any) -> bool:
    try:
        np.asarray(value_range, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _rises(bounds: np.ndarray) -> bool:
    return bool((bounds[..., 0] < bounds[..., 1]).all())


def _to_8_bit(values: np.ndarray, value_range: ValueRange | None, name: str) -> np.ndarray:
    """Return values ``(H, W)`` or ``(H, W, C)`` as ``(H, W, C)`` uint8."""
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3:
        raise UsageError(f"{name}: expected an array (H, W) or (H, W, C), got {values.shape}")
    if value_range is None:
        if values.dtype == np.uint8:
            return values
        if values.dtype != np.uint16:
            raise UsageError(
                f"{name}: holds {values.dtype} values{_extent(values)}, whose range is not known; set "
                "dataset.value_range=(low, high), which become 0 and 255, or a list of one such pair per channel"
            )
        value_range = (0, 65535)
    if values.dtype.kind not in "buif":
        raise UsageError(f"{name}: holds {values.dtype} values, which are no pixels; store integers or floats")
    low, high = np.moveaxis(np.asarray(value_range, dtype=np.float64), -1, 0)  # scalars, or a value per channel
    if low.ndim and len(low) != values.shape[2]:
        raise UsageError(f"value_range: {len(low)} pairs, but {name} has {values.shape[2]} channels")
    precise = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    scaled = np.nan_to_num((precise - low.astype(precise.dtype)) * (255 / (high - low)).astype(precise.dtype), nan=0.0)
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _extent(values: np.ndarray) -> str:
    if not values.size or values.dtype.kind not in "buif":
        return ""
    return f" from {float(np.nanmin(values)):g} to {float(np.nanmax(values)):g}"


def _as_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def _as_tensor(values: np.ndarray, channels: int, name: str) -> tv_tensors.Image:
    if values.shape[2] != channels:
        raise UsageError(
            f"{name}: expected an array (H, W, {channels}), got {values.shape}; set channels={values.shape[2]}"
        )
    return tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))))
