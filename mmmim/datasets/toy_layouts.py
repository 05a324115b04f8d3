"""Write toy datasets in the layouts of MMSegmentation and MMDetection, with several objects per picture."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from mmmim.errors import UsageError
from mmmim.seeding import derive_seed

from .toy_renderer import MATERIAL_NAMES, VERSION, ToyInstance, render

SIZES = ((96, 128), (128, 96))
MARKER = "toy.json"


def write_ade20k(
    root: str | os.PathLike[str],
    num_train: int = 120,
    num_val: int = 40,
    seed: int = 0,
    num_classes: int = len(MATERIAL_NAMES),
) -> None:
    """Write ``images/{training,validation}/*.png`` and ``annotations/{training,validation}/*.png``.

    In the annotations 0 is background and k is ``MATERIAL_NAMES[k - 1]``, of the first ``num_classes``. Read the set
    with ``mmseg.BaseSegDataset``: either with ``reduce_zero_label=True`` and the materials as classes, or with a class
    ``background`` before them.
    """

    def fill(folder: Path) -> None:
        for split, count, images in (("training", num_train, 0), ("validation", num_val, 1)):
            for kind in ("images", "annotations"):
                (folder / kind / split).mkdir(parents=True)
            for i in range(count):
                image, instances = _scene(seed, images, i, num_classes)
                labels = np.zeros(image.shape[:2], np.uint8)
                for instance in instances:
                    labels[instance.mask] = instance.label + 1
                Image.fromarray(image).save(folder / "images" / split / f"{i:05d}.png")
                Image.fromarray(labels).save(folder / "annotations" / split / f"{i:05d}.png")

    _write_once(
        root, dict(layout="ade20k", num_train=num_train, num_val=num_val, seed=seed, num_classes=num_classes), fill
    )


def write_coco(
    root: str | os.PathLike[str],
    num_train: int = 120,
    num_val: int = 40,
    seed: int = 0,
    num_classes: int = len(MATERIAL_NAMES),
) -> None:
    """Write ``{train,val}/*.jpg`` and ``annotations/instances_{train,val}.json`` with boxes and run-length masks.

    Category k (from 1) is ``MATERIAL_NAMES[k - 1]``. Read it with ``mmdet.CocoDataset`` and its classes as metainfo.
    """

    def fill(folder: Path) -> None:
        (folder / "annotations").mkdir(parents=True)
        for split, count, images in (("train", num_train, 0), ("val", num_val, 1)):
            (folder / split).mkdir()
            records = dict(images=[], annotations=[], categories=_categories(num_classes))
            for i in range(count):
                image, instances = _scene(seed, images, i, num_classes)
                Image.fromarray(image).save(folder / split / f"{i:05d}.jpg", quality=95)
                height, width = image.shape[:2]
                records["images"].append(dict(id=i + 1, file_name=f"{i:05d}.jpg", height=height, width=width))
                for instance in instances:
                    number = len(records["annotations"]) + 1
                    records["annotations"].append(dict(id=number, image_id=i + 1, **_annotation(instance)))
            (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(records), encoding="utf-8")

    _write_once(
        root, dict(layout="coco", num_train=num_train, num_val=num_val, seed=seed, num_classes=num_classes), fill
    )


LAYOUTS: dict[str, Callable[..., None]] = {"ade20k": write_ade20k, "coco": write_coco}


def _scene(seed: int, split: int, index: int, num_classes: int) -> tuple[np.ndarray, list[ToyInstance]]:
    """Return a picture of 2 to 4 objects; one object's class cycles through all classes, so small sets have each."""
    if not 1 <= num_classes <= len(MATERIAL_NAMES):
        raise UsageError(f"num_classes: there are 1..{len(MATERIAL_NAMES)} materials, got {num_classes}")
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, split, index, 1)))
    others = rng.integers(0, num_classes, rng.integers(1, 4))
    labels = (*(int(k) for k in others), index % num_classes)
    return render((seed, split, index, 2), SIZES[index % 2], labels, radius=(0.13, 0.22))


def _categories(num_classes: int) -> list[dict]:
    return [dict(id=k + 1, name=name) for k, name in enumerate(MATERIAL_NAMES[:num_classes])]


def _annotation(instance: ToyInstance) -> dict:
    x0, y0, x1, y1 = instance.box
    return dict(
        category_id=instance.label + 1,
        bbox=[x0, y0, x1 - x0, y1 - y0],
        area=int(instance.mask.sum()),
        iscrowd=0,
        segmentation=dict(size=list(instance.mask.shape), counts=run_lengths(instance.mask)),
    )


def run_lengths(mask: np.ndarray) -> list[int]:
    """Return COCO's uncompressed run-length code: lengths of runs in column order, beginning with the zeros."""
    flat = np.concatenate([[0], mask.flatten(order="F").astype(np.int8), [-1]])
    borders = np.flatnonzero(np.diff(flat) != 0)
    return np.diff(borders, prepend=0).tolist()


def _write_once(root: str | os.PathLike[str], content: dict, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write a temporary folder and move it to ``root``, while other processes wait for it."""
    target = Path(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f".{target.name}.lock")):
        marker = target / MARKER
        content = dict(content, renderer=VERSION)
        if marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == content:
            return
        if target.exists() and any(target.iterdir()) and not marker.exists():
            raise UsageError(f"root: {str(target)!r} holds something else than a toy set; choose another folder")
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            fill(temporary)
            (temporary / MARKER).write_text(json.dumps(content), encoding="utf-8")
            temporary.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that one process of this machine has at a time; it is released however that process ends."""
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
