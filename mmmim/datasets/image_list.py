from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmmim.checks import UsageError
from mmmim.registry import DATASETS

from .file_listing import PathList
from .image_files import ImageFiles, read_lines


@DATASETS.register_module()
class ImageList(ImageFiles):
    """Images named in a text file, one ``path`` or ``path label`` (integer) a line, relative to ``root``.

    Either every line has a label or none (-1). Empty lines and lines starting with ``#`` are left out; a path may
    contain spaces when a label follows. Missing files count as unreadable ones.
    """

    def __init__(
        self,
        root: str,
        ann_file: str,
        transforms: Sequence[dict | Callable] = (),
        classes: Sequence[str] = (),
        channels: int = 3,
    ) -> None:
        lines = read_lines(ann_file, "ann_file")
        parts = [line.rsplit(maxsplit=1) for line in lines]
        has_label = [len(p) == 2 and p[1].lstrip("-").isdigit() for p in parts]
        if any(has_label) and not all(has_label):
            raise UsageError(
                f"ann_file: {ann_file!r} has labels in {sum(has_label)} of {len(lines)} lines; "
                f"line without an integer label: {lines[has_label.index(False)]!r}"
            )
        labelled = has_label[0]
        paths = PathList.of(p[0] for p in parts) if labelled else PathList.of(lines)
        labels = np.array([int(p[1]) for p in parts] if labelled else [-1] * len(lines), dtype=np.int64)
        if classes and labels.max() >= len(classes):
            raise UsageError(f"classes: {len(classes)} names, but {ann_file!r} has label {labels.max()}")
        super().__init__(root, paths, labels, classes, transforms, channels)
