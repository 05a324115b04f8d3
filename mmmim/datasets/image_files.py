"""Labelled image files below a folder, the base of the readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from torchvision import tv_tensors

from mmmim.checks import MissingFileError, UsageError

from .base import SeededImageDataset
from .decode import IMAGE_EXTENSIONS, PIL_MODES, decode_image
from .file_listing import PathList, list_images


class ImageFiles(SeededImageDataset):
    """Images ``paths`` below ``root`` with their ``labels``, -1 where unknown; ``classes`` are named in label order."""

    def __init__(
        self,
        root: str,
        paths: PathList,
        labels: np.ndarray,
        classes: Sequence[str],
        transforms: Sequence[dict | Callable],
        channels: int,
    ) -> None:
        super().__init__(len(paths), transforms)
        self.root, self.paths, self.labels = root, paths, labels
        self.channels = channels
        self.classes = tuple(classes)

    @property
    def metainfo(self) -> dict:
        return dict(classes=self.classes)

    def load(self, index: int) -> Image.Image | tv_tensors.Image:
        return decode_image(self.name(index), self.channels)

    def label(self, index: int) -> int:
        return int(self.labels[index])

    def name(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])


def check_root(root: str) -> None:
    if not os.path.isdir(root):
        kind = "is a file, not a folder" if os.path.exists(root) else "does not exist"
        raise MissingFileError(
            f"root: image folder {root!r} {kind} (looked from {os.getcwd()!r}); give an existing one with --data DIR "
            "or set dataset.root"
        )


def find_images(root: str, channels: int = 3, extensions: Sequence[str] | None = None) -> PathList:
    """Relative paths of the images below ``root``; both failures raise ``FileNotFoundError`` and name the fix."""
    if extensions is None:
        extensions = IMAGE_EXTENSIONS if channels in PIL_MODES else (".npy",)
    check_root(root)
    paths = list_images(root, extensions)
    if not len(paths):
        raise MissingFileError(
            f"root: no image below {os.path.abspath(root)!r}; looked for {', '.join(extensions)} at any depth; "
            "point to the folder that holds the images, or set dataset.extensions"
        )
    return paths


def read_lines(path: str, argument: str) -> list[str]:
    """Lines of a text file without empty ones and those that start with ``#``."""
    if not os.path.isfile(path):
        raise MissingFileError(f"{argument}: no such file: {path!r}")
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    if not lines:
        raise UsageError(f"{argument}: {path!r} names no image")
    return lines
