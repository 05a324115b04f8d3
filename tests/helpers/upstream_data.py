"""Write a handful of pictures of several sizes in the folders of ADE20K and COCO 2017."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = [(64, 85), (85, 64), (72, 72), (64, 85)]  # height, width
SPLITS = {"train": 3, "val": 2}


def noise(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Return a picture of noise of ``(height, width)``."""
    return Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))


def write_ade20k(root: Path) -> None:
    """Write pictures and label maps in the layout of ADE20K."""
    rng = np.random.default_rng(0)
    for split, number in SPLITS.items():
        folder = "training" if split == "train" else "validation"
        for kind in ("images", "annotations"):
            (root / kind / folder).mkdir(parents=True)
        for index in range(number):
            noise(rng, SIZES[index]).save(root / "images" / folder / f"{index}.jpg")
            labels = np.kron(rng.integers(0, 151, (11, 11)), np.ones((8, 8)))[: SIZES[index][0], : SIZES[index][1]]
            Image.fromarray(labels.astype(np.uint8)).save(root / "annotations" / folder / f"{index}.png")


def write_coco(root: Path) -> None:
    """Write pictures and annotations in the layout of COCO 2017."""
    from mmdet.datasets import CocoDataset

    rng = np.random.default_rng(0)
    (root / "annotations").mkdir(parents=True)
    categories = [dict(id=index + 1, name=name) for index, name in enumerate(CocoDataset.METAINFO["classes"])]
    for split, number in SPLITS.items():
        (root / f"{split}2017").mkdir()
        images, annotations = [], []
        for index in range(number):
            height, width = SIZES[index]
            noise(rng, (height, width)).save(root / f"{split}2017" / f"{index}.jpg")
            images.append(dict(id=index, file_name=f"{index}.jpg", height=height, width=width))
            for x, y, w, h in ((2, 4, 40, 30), (30, 20, 33, 41)):
                corners = [x, y, x + w, y, x + w, y + h, x, y + h]
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=index,
                        category_id=1 + len(annotations) % 3,
                        bbox=[x, y, w, h],
                        area=w * h,
                        iscrowd=0,
                        segmentation=[corners],
                    )
                )
        content = dict(images=images, annotations=annotations, categories=categories)
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content), encoding="utf-8")
