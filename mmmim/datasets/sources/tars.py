"""WebDataset: tar files in which the files of a sample stand one after the other and share the name before the dot."""

from __future__ import annotations

import json
import logging
import os
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

from mmengine.logging import print_log

from mmmim.errors import UsageError

from .index import Index, indexed_once, sorted_index
from .naming import Label, names_as_in_a_folder
from .open_files import OpenFiles
from .stored import ByteRanges
from .zips import is_hidden

LABEL_ENDINGS = (".cls", ".json", ".txt")  # in the order in which they are asked
JSON_KEYS = ("label", "cls", "class", "class_id", "class_name")
LONGEST_LABEL = 1 << 20  # bytes of a file that may hold a label
TELL_SECONDS = 10.0


def open_tars(location: str, files: Sequence[str], extensions: Sequence[str]) -> ByteRanges:
    """Return the images of tar files, which are listed once.

    The label of an image is what ``<key>.cls`` holds, an integer or a word; otherwise ``label``, ``cls``, ``class``,
    ``class_id`` or ``class_name`` of ``<key>.json``; otherwise the integer in ``<key>.txt``. Images that have none of
    these keep the folders of their names, so that a tar of a folder of classes is read as well.

    Args:
        location: A folder, or a tar file.
        files: The tar files, relative to the folder.
    """
    folder = location if os.path.isdir(location) else os.path.dirname(location)
    index = indexed_once(location, folder, files, lambda: _index(folder, files, tuple(extensions)))
    return ByteRanges(location, index, folder)


def _index(folder: str, files: Sequence[str], extensions: tuple[str, ...]) -> Index:
    stems: list[str] = []
    labels: list[Label] = []
    columns: dict[str, list[int]] = dict(file=[], offset=[], length=[])
    left_out: Counter[str] = Counter()
    opened = OpenFiles([os.path.join(folder, name) for name in files])
    told = time.monotonic()
    for number, name in enumerate(files):
        images: list[tarfile.TarInfo] = []
        label_files: dict[str, dict[str, tarfile.TarInfo]] = {}
        for member in _members(os.path.join(folder, name)):
            ending = os.path.splitext(member.name)[1].lower()
            if ending in extensions:
                images.append(member)
            elif ending in LABEL_ENDINGS:
                label_files.setdefault(_key(member.name), {})[ending] = member
            else:
                left_out[ending or "(none)"] += 1
        for member in images:
            found = label_files.get(_key(member.name), {})
            labels.append(_label(found, opened, number))
            stems.append(os.path.normpath(member.name.lstrip("/")))
            columns["file"].append(number)
            columns["offset"].append(member.offset_data)
            columns["length"].append(member.size)
        if time.monotonic() > told + TELL_SECONDS:
            told = time.monotonic()
            print_log(f"listing {folder}, which is done once: {number + 1:,} of {len(files):,} files", "current")
    if missing := sum(label is None for label in labels):
        if missing < len(labels):
            print_log(
                f"{folder}: {missing:,} of {len(labels):,} images have no label, so the labels are not used",
                logger="current",
                level=logging.WARNING,
            )
        labels = [None] * len(labels)
    names, classes = names_as_in_a_folder(stems, labels, columns["file"], files)
    return sorted_index(files, names, columns, classes, dict(left_out.most_common()))


def _members(path: str) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield from (member for member in archive if member.isreg() and not is_hidden(member.name))
    except tarfile.ReadError as error:
        raise UsageError(f"root: {path!r} is no tar file, or a damaged one ({error}); copy it again") from None


def _key(name: str) -> str:
    """Return the key of a sample: its name up to the first dot after the last slash."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.split('.', 1)[0]}"


def _label(found: dict[str, tarfile.TarInfo], opened: OpenFiles, number: int) -> Label:
    for ending in LABEL_ENDINGS:
        member = found.get(ending)
        if member is None or member.size > LONGEST_LABEL:
            continue
        with suppress(UnicodeDecodeError, json.JSONDecodeError):
            text = opened.read(number, member.offset_data, member.size).decode().strip()
            label = _label_in_json(text) if ending == ".json" else _integer_or_word(text)
            if isinstance(label, int) or (label and ending != ".txt"):
                return label
    return None


def _label_in_json(text: str) -> Label:
    content = json.loads(text)
    if not isinstance(content, dict):
        return content if isinstance(content, int) else None
    value = next((content[key] for key in JSON_KEYS if isinstance(content.get(key), (int, str))), None)
    return _integer_or_word(str(value)) if value is not None else None


def _integer_or_word(text: str) -> Label:
    return int(text) if text.lstrip("-").isdecimal() else text or None
