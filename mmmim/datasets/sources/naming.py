"""Names that make the images inside files look like a folder with one sub-folder per class."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence

Label = int | str | None
TRAIN_FOLDERS = ("train", "training")
VAL_FOLDERS = ("val", "validation", "valid", "test")


def first_folders(names: Iterable[str]) -> list[str] | None:
    """Return the sorted first folders of paths, or None if a path is in none."""
    folders = {path.split(os.sep, 1)[0] if os.sep in path else "" for path in names}
    return None if "" in folders else sorted(folders)


def split_of(file: str) -> str | None:
    """Return the word for training or evaluation in the path of a file, such as ``imagenet1k-train-0001.tar``."""
    words = re.split(r"[^a-z]+", file.lower())
    found = [word for word in words if word in (*TRAIN_FOLDERS, *VAL_FOLDERS)]
    return found[0] if found else None


def names_as_in_a_folder(
    stems: Sequence[str],
    labels: Sequence[Label],
    origins: Sequence[int],
    files: Sequence[str],
    class_names: Sequence[str] | None = None,
) -> tuple[list[str], list[str] | None]:
    """Return unique names of images, ``[<split>/][<class>/][<file>/]<stem>``, and the classes in the order of labels.

    The split is put before where the files tell several of them, and every file one. Classes are left out unless every
    image has a label; integers keep their order, words are sorted. The file is put before where stems repeat.

    Args:
        stems: What is a name already, apart from split and class.
        labels: An integer or a word for each image; None or a negative number where it is unknown.
        origins: For each image, the number of the file that holds it.
        class_names: Names of the integer labels.
    """
    classes = _classes(labels, class_names)
    splits = [split_of(file) for file in files]
    several = None not in splits and len(set(splits)) > 1
    prefixes = [f"{split}/" if several else "" for split in splits]
    folder_of = {} if classes is None else {label: f"{folder}/" for label, folder in classes.items()}
    names = [
        f"{prefixes[origin]}{folder_of.get(label, '')}{stem}"
        for stem, label, origin in zip(stems, labels, origins, strict=True)
    ]
    if len(set(names)) < len(names):
        inner = [os.path.splitext(file)[0].replace("/", "_") for file in files]
        names = [
            f"{prefixes[origin]}{folder_of.get(label, '')}{inner[origin]}/{stem}"
            for stem, label, origin in zip(stems, labels, origins, strict=True)
        ]
    return _numbered(names), None if classes is None else list(classes.values())


def _classes(labels: Sequence[Label], class_names: Sequence[str] | None) -> dict[Label, str] | None:
    """Return the folder names of the labels, in the order of the classes; None unless all images have labels."""
    known = set(labels)
    if not known or any(label is None or (isinstance(label, int) and label < 0) for label in known):
        return None
    if class_names is not None and any(not isinstance(label, int) or label >= len(class_names) for label in known):
        return None
    if class_names is not None:
        folders = _unique([_as_folder(name) for name in class_names])
        return {label: folder for label, folder in enumerate(folders)}
    if any(isinstance(label, str) for label in known):
        ordered: list[Label] = sorted(known, key=str)
    else:
        ordered = sorted(known, key=lambda label: int(label or 0))
    return dict(zip(ordered, _unique([_as_folder(str(label)) for label in ordered]), strict=True))


def _as_folder(name: str) -> str:
    name = name.strip().replace("/", "_").replace("\0", "_")
    return name if name.strip(".") else f"_{name}"


def _unique(names: list[str]) -> list[str]:
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name} ({number})" for number, name in enumerate(names)]


def _numbered(names: list[str]) -> list[str]:
    """Return the names with a number where two are still the same."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        stem, extension = os.path.splitext(name)
        numbered.append(name if seen[name] == 1 else f"{stem}~{seen[name]}{extension}")
    return numbered
