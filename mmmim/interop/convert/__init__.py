"""Converts published checkpoints, given as local files, to mmmim's; :mod:`.conversion` lists the layouts."""

from mmmim.checkpoint.foreign import Source, read_source

from .conversion import LAYOUTS, Conversion, convert, convert_file
from .layout import Choices, Layout
from .usage import follow_up

__all__ = [
    "LAYOUTS",
    "Choices",
    "Conversion",
    "Layout",
    "Source",
    "convert",
    "convert_file",
    "follow_up",
    "read_source",
]
