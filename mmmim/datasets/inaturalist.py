from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

import numpy as np

from mmmim.errors import MissingFileError, UsageError
from mmmim.registry import DATASETS

from .file_listing import PathList
from .image_files import ImageFiles, check_root
from .sources import FolderSource
from .text_files import read_text

SOURCE = "https://github.com/visipedia/inat_comp"


@DATASETS.register_module()
class INaturalist(ImageFiles):
    """iNaturalist in its official layout: 2018 with 8142 classes, 2019 with 1010, and other years of the same form.

    ``root`` holds ``train_val2018/`` (with ``<supercategory>/<category>/<name>.jpg`` below it) and the annotation files
    ``train2018.json`` and ``val2018.json``: COCO-like lists ``images (id, file_name)``, ``annotations (image_id,
    category_id)`` and ``categories (id, name)``. The label is the position of the category in the order of the ids,
    which for the official files is the id itself. The public test sets have no labels; ``val`` is what papers report.

    Args:
        ann_file: Path of the annotation file, relative to the working directory like ``root``.

    Raises:
        MissingFileError: The annotation file, ``root`` or the folder of the images in it is missing.
        UsageError: The annotations contradict each other; the message names the first wrong one.
    """

    def __init__(self, root: str, ann_file: str, transforms: Sequence[dict | Callable] = (), channels: int = 3) -> None:
        content = _read(ann_file)
        check_root(root)
        labels_of = _labels(content, ann_file)
        images = content["images"]
        if missing := [image["file_name"] for image in images if image["id"] not in labels_of]:
            raise UsageError(f"ann_file: {len(missing)} images of {ann_file!r} have no annotation, e.g. {missing[0]!r}")
        folder = images[0]["file_name"].split("/", 1)[0]
        if not os.path.exists(os.path.join(root, folder)):
            raise MissingFileError(
                f"root: {root!r} has no {folder!r}, in which the images of {ann_file!r} lie "
                f"(e.g. {images[0]['file_name']!r}); unpack {folder}.tar.gz of {SOURCE} there"
            )
        paths = PathList.of(image["file_name"] for image in images)
        labels = np.array([labels_of[image["id"]] for image in images], dtype=np.int64)
        super().__init__(FolderSource(root, paths), labels, _class_names(content), transforms, channels)


def _read(ann_file: str) -> dict:
    if not os.path.isfile(ann_file):
        name = os.path.basename(ann_file)
        raise MissingFileError(
            f"ann_file: no such file: {ann_file!r} (looked from {os.getcwd()!r}); {name} comes in {name}.tar.gz of "
            f"{SOURCE}, in the folder of its year"
        )
    try:
        content = json.loads(read_text(ann_file, "ann_file"))
    except json.JSONDecodeError as error:
        raise UsageError(
            f"ann_file: {ann_file!r}, line {error.lineno}: no JSON ({error.msg}); it is damaged or incomplete"
        ) from None
    content = content if isinstance(content, dict) else {}
    if lacking := [part for part in ("images", "annotations", "categories") if not content.get(part)]:
        raise UsageError(
            f"ann_file: {ann_file!r} has no {' and no '.join(lacking)}; use a train or val file, test files have no "
            "labels"
        )
    return content


def _categories(content: dict) -> list[dict]:
    return sorted(content["categories"], key=lambda category: category["id"])


def _class_names(content: dict) -> list[str]:
    return [str(category.get("name", category["id"])) for category in _categories(content)]


def _labels(content: dict, ann_file: str) -> dict[int, int]:
    """Return the labels by image id."""
    known = {image["id"] for image in content["images"]}
    ids = {category["id"]: label for label, category in enumerate(_categories(content))}
    labels = {}
    for annotation in content["annotations"]:
        image, category = annotation["image_id"], annotation["category_id"]
        if image not in known:
            raise UsageError(f"ann_file: {ann_file!r} has an annotation of image id {image}, but no such image")
        if category not in ids:
            raise UsageError(
                f"ann_file: image {image} of {ann_file!r} has category {category}, which is none of its {len(ids)} "
                f"categories {min(ids)}..{max(ids)}"
            )
        labels[image] = ids[category]
    return labels
