"""Published checkpoints, given as local files, as checkpoints of mmmim; see :mod:`.conversion` for the layouts."""

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
