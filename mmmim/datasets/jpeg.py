"""Decode JPEG files with libjpeg-turbo, directly into an array."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

JPEG_START = b"\xff\xd8\xff"
START_OF_SCAN = 0xDA
# Texts of a file that says how it is turned, in EXIF or in XMP.
MAY_BE_TURNED = (b"Exif\0\0", b"tiff:Orientation")
Reduction = Callable[[int, int], int]


def decode_jpeg(content: bytes, channels: int, reduction: Reduction | None = None) -> np.ndarray | None:
    """Return the upright image ``(H, W, channels)`` of a file, or None where Pillow has to decode it.

    These are files of CMYK, files whose colours have to become gray or to get an alpha channel, and files that
    libjpeg-turbo complains of: Pillow says whether they are readable.

    Args:
        reduction: Returns for the height and width of the upright image by which factor (1, 2, 4 or 8) it may be
            smaller; the decoder then computes fewer pixels.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if colours not in (("Gray",) if channels == 1 else ("Gray", "YCbCr", "RGB")) or channels not in (1, 3):
            return None
        orientation = _orientation(content)
        factor = 1
        if reduction is not None:
            factor = reduction(width, height) if orientation >= 5 else reduction(height, width)
        pixels = simplejpeg.decode_jpeg(
            content,
            "GRAY" if channels == 1 else "RGB",
            min_height=-(-height // factor) if factor > 1 else 0,
            min_width=-(-width // factor) if factor > 1 else 0,
        )
    except ValueError:
        return None
    return pixels if orientation == 1 else np.ascontiguousarray(_upright(pixels, orientation))


def _orientation(content: bytes) -> int:
    header = content[: _header_length(content)]
    if not any(text in header for text in MAY_BE_TURNED):
        return 1
    with Image.open(io.BytesIO(content)) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in range(1, 9) else 1


def _header_length(content: bytes) -> int:
    """Return the number of bytes before the first scan; its segments begin with their marker and their length."""
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF and content[position + 1] != START_OF_SCAN:
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return position


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo one of EXIF's eight orientations: from 5 on rows and columns are exchanged."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
