from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmmim.launch.options import load_config

DOWNSTREAM = Path(__file__).parents[2] / "configs/ccmim/downstream"
LOADERS = ("train_dataloader", "val_dataloader")


def segmentation(data: Path, **options: Any) -> Config:
    return config("upernet_vit-tiny_toy.py", data / "seg", options)


def detection(data: Path, **options: Any) -> Config:
    file = str(data / "det" / "annotations" / "instances_val.json")
    return config("mask-rcnn_vit-tiny_toy.py", data / "det", {"val_evaluator.ann_file": file, **options})


def config(name: str, root: Path, options: dict[str, Any]) -> Config:
    roots = {f"{loader}.dataset.dataset.data_root": str(root) for loader in LOADERS}
    return load_config(str(DOWNSTREAM / name), {**roots, **options})
