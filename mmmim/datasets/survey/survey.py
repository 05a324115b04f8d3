"""Look at a folder of images, or whatever else ``--data`` reads, before anything is trained on it."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from mmmim.datasets.image_files import evenly_spaced
from mmmim.datasets.image_folder import class_folders
from mmmim.datasets.sources import TRAIN_FOLDERS, VAL_FOLDERS, ImageSource, open_source, part_of

from .likeness import alike
from .looked_at import Broken, LookedAt, look_at

Finding = LookedAt | Broken
Track = Callable[[Iterable[Finding], int], Iterator[Finding]]


@dataclass
class Part:
    """The images for training, or those for evaluation.

    Attributes:
        folder: Its folder below the location; nothing where there is no ``train/`` or ``val/``.
        source: Where they are.
        images: The facts of those that were looked at and can be decoded.
        broken: Those that cannot.
    """

    folder: str
    source: ImageSource
    images: list[LookedAt] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.source)

    @property
    def looked_at(self) -> int:
        """Return the number of images that were looked at."""
        return len(self.images) + len(self.broken)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of images of each class, or nothing where there are fewer than two class folders."""
        classes = class_folders(self.source)
        if classes is None or len(classes) < 2:
            return {}
        found = Counter(name.split(os.sep, 1)[0] for name in self.source.names)
        return {name: found[name] for name in classes}


@dataclass
class Survey:
    """The images at a location: those for training and, where ``val/`` lies beside ``train/``, those for evaluation."""

    location: str
    train: Part
    val: Part | None = None

    @property
    def parts(self) -> list[Part]:
        """Return the part for training, and that for evaluation if there is one."""
        return [self.train] if self.val is None else [self.train, self.val]

    def duplicates(self) -> list[list[LookedAt]]:
        """Return groups of images whose files are the same byte for byte."""
        groups: dict[bytes, list[LookedAt]] = defaultdict(list)
        for image in self._images():
            groups[image.digest].append(image)
        return [group for group in groups.values() if len(group) > 1]

    def lookalikes(self) -> list[tuple[LookedAt, LookedAt]]:
        """Return an earlier image and this one for each that shows the same; exact duplicates are left out."""
        different = list({image.digest: image for image in reversed(self._images())}.values())[::-1]
        return [(different[one], different[other]) for one, other in alike([each.look for each in different])]

    def can_be_scored(self) -> bool:
        """Return whether there are classes, and images to hold out of them where there are none for evaluation."""
        counts = self.train.counts
        return bool(counts) and (self.val is not None or max(counts.values()) > 1)

    def short_side(self) -> int:
        """Return the median of the shorter sides of the training images, in pixels."""
        return int(np.median([image.short_side for image in self.train.images]))

    def _images(self) -> list[LookedAt]:
        return [image for part in self.parts for image in part.images]


class _Files(Dataset):
    """The facts of some images of a source; what cannot be decoded is :class:`Broken`."""

    def __init__(self, part: Part, ids: list[int]) -> None:
        self.folder, self.source, self.ids = part.folder, part.source, ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: int) -> Finding:
        index = self.ids[place]
        name = self.source.names[index]
        try:
            return look_at(self.source.read(index), name, self.folder)
        except PermissionError as error:
            return Broken(os.path.join(self.folder, name), str(error.strerror), refused=True)
        except Exception as error:  # decoders raise anything on broken data
            return Broken(os.path.join(self.folder, name), f"{type(error).__name__}: {error}")


def survey(location: str, max_images: int, workers: int, track: Track) -> Survey:
    """Return what is at a location: all images are counted, and at most ``max_images`` of a part are decoded.

    Args:
        location: A folder, a pack, or whatever else ``--data`` reads.
        max_images: Images to decode, evenly spaced in the order of their names; 0 for all.
        workers: Processes that decode.
        track: Shows the progress of an iterable of so many steps.

    Raises:
        MissingFileError: There is no such location, or no image.
    """
    train = part_of(location, TRAIN_FOLDERS, 3, None)
    val = part_of(location, VAL_FOLDERS, 3, None) if train is not None else None
    found = Survey(location, _part(location, train or location), None if val is None else _part(location, val))
    wanted = [evenly_spaced(len(part), max_images or len(part)) for part in found.parts]
    looks = track(_looks(found, wanted, workers), sum(map(len, wanted)))
    for part, ids in zip(found.parts, wanted, strict=True):
        for _ in ids:
            look = next(looks)
            (part.broken if isinstance(look, Broken) else part.images).append(look)  # type: ignore[arg-type]
    return found


def _part(location: str, root: str) -> Part:
    below = os.path.relpath(root, location)
    return Part("" if below == os.curdir else below, open_source(root))


def _looks(found: Survey, wanted: list[list[int]], workers: int) -> Iterator[Finding]:
    for part, ids in zip(found.parts, wanted, strict=True):
        files = _Files(part, ids)
        yield from DataLoader(files, batch_size=None, num_workers=workers, worker_init_fn=_one_thread)


def _one_thread(_: int) -> None:
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
