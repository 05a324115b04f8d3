"""Sources of images: folders, packs, ZIP files, WebDataset tars, and tables of Hugging Face datasets."""

from .base import DamagedEntry, ImageSource
from .folder import FolderSource
from .listed import LIST_ENDINGS, open_list
from .naming import TRAIN_FOLDERS, VAL_FOLDERS, first_folders
from .recognise import find_in, location_exists, open_source, part_of

__all__ = [
    "LIST_ENDINGS", "TRAIN_FOLDERS", "VAL_FOLDERS", "DamagedEntry", "FolderSource", "ImageSource", "find_in",
    "first_folders", "location_exists", "open_list", "open_source", "part_of",
]  # fmt: skip
