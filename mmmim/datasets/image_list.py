from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
from mmengine.logging import print_log

from mmmim.errors import UsageError
from mmmim.registry import DATASETS

from .file_listing import PathList
from .image_files import ImageFiles, evenly_spaced
from .pixel_values import ValueRange
from .sources import ImageSource, find_in
from .text_files import path_and_label, read_lines


@DATASETS.register_module()
class ImageList(ImageFiles):
    """The images that a text file names, one ``path`` or ``path label`` (integer) per line, relative to ``root``.

    ``root`` is a folder, a pack, or whatever :func:`~.sources.open_source` opens.

    Path and label are separated by spaces, a tab, a comma or a semicolon; the path may be quoted, has slashes or
    backslashes, and may contain spaces if a label follows. Either every line has a label or none has (-1). Empty lines
    and lines starting with ``#`` are left out. The file is in UTF-8, or in UTF-16 with a byte order mark.

    The constructor looks for 64 of the named pictures: if none of them exists, the list or ``root`` is wrong, which is
    an error; if some are missing, a warning says so. A missing picture counts as an unreadable one.

    Raises:
        MissingFileError: There is no such list.
        UsageError: A line is wrong; the message names it and the file.
    """

    def __init__(
        self,
        root: str,
        ann_file: str,
        transforms: Sequence[dict | Callable] = (),
        classes: Sequence[str] = (),
        channels: int = 3,
        value_range: ValueRange | None = None,
    ) -> None:
        lines = read_lines(ann_file, "ann_file")
        parts = [path_and_label(line) for _, line in lines]
        with_label = [label is not None for _, label in parts]
        if any(with_label) and not all(with_label):
            number, line = lines[with_label.index(False)]
            raise UsageError(
                f"ann_file: {ann_file!r} has labels in {sum(with_label)} of {len(lines)} lines; line {number} has no "
                f"integer label: {line!r}; give it one, or put # before it where it is no image"
            )
        labels = np.array([-1 if label is None else label for _, label in parts], dtype=np.int64)
        _check_labels(labels, classes, ann_file, lines)
        source = find_in(root, PathList.of(path for path, _ in parts))
        _check_files_exist(source, ann_file, lines)
        super().__init__(source, labels, classes, transforms, channels, value_range)


def _check_labels(labels: np.ndarray, classes: Sequence[str], ann_file: str, lines: Sequence[tuple[int, str]]) -> None:
    wrong = (labels < -1) | (labels >= len(classes) if classes else False)
    if wrong.any():
        number, line = lines[int(wrong.argmax())]
        known = f"0..{len(classes) - 1} and -1" if classes else "0, 1, ... and -1"
        raise UsageError(
            f"classes: {len(classes)} names, but {ann_file!r} has label {labels[wrong.argmax()]} in line {number} "
            f"({line!r}); labels are {known}, which is unknown"
        )


def _check_files_exist(source: ImageSource, ann_file: str, lines: Sequence[tuple[int, str]]) -> None:
    looked_for = evenly_spaced(len(source))
    missing = [index for index in looked_for if not source.has(index)]
    if not missing:
        return
    number, line = lines[missing[0]]
    example = f"line {number}, {line!r}, stands for {source.name(missing[0])!r}"
    if len(missing) == len(looked_for):
        raise UsageError(
            f"ann_file: {ann_file!r}: none of {len(missing)} pictures looked for exists: {example}; a line is a path "
            "below root, or a path, a separator and an integer label"
        )
    print_log(
        f"ann_file: {len(missing)} of {len(looked_for)} pictures looked for are missing: {ann_file!r}, {example}. "
        "Missing ones count as unreadable.",
        logger="current",
        level=logging.WARNING,
    )
