"""The labelled training and test set that a config describes, with evaluation transforms."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmengine.config import Config
from torch.utils.data import Dataset

from mmmim.config.crops import short_side
from mmmim.datasets import use_folder
from mmmim.datasets.data_option import SHARED_KEYS, TRAIN_FOLDERS, is_classifier
from mmmim.errors import UsageError
from mmmim.registry import DATASETS

TOY = "toy"  # names the built-in pictures in place of a folder
LOW_SHOT = ("keep", "keep_seed", "list_file")  # arguments that choose training images and leave the test set whole


def labelled_splits(
    cfg: Config, data_dir: str | None = None, crop_ratio: float | None = None, num_test: int | None = None
) -> tuple[Dataset, Dataset]:
    """Return training and test set with evaluation transforms; see :class:`FrozenEvaluation`."""
    train, test = _dataset_configs(cfg, crop_ratio, num_test)
    if data_dir is None and test is None and _kind(train) == "ImageFolder":
        data_dir = _data_dir(train["root"])
    if data_dir is not None:
        whole = {key: value for key, value in train.items() if key not in LOW_SHOT}
        train, test = _of_folder(cfg, data_dir, train, test or whole)
    elif test is None:
        raise UsageError(
            f"{_kind(train)} of this config has no labelled split; give a folder of class folders with --data DIR"
        )
    return _built(train, test, data_dir)


def watched_splits(cfg: Config, data: str, counts: tuple[int, int]) -> tuple[Dataset, Dataset]:
    """Return training and test set, with evaluation transforms, of ``data``: a folder, or ``toy``.

    Args:
        cfg: The config of a training, which says how large its images are and how many channels they have.
        counts: Numbers of built-in pictures to draw.
    """
    common = dict(_reading(cfg), transforms=_transforms(cfg))
    if data != TOY:
        folder = dict(common, type="mmmim.ImageFolder")
        return _built(*_of_folder(cfg, data, folder, dict(folder)), data)
    own = dict(cfg.train_dataloader.dataset)
    toy = {key: own[key] for key in ("img_size", "num_classes", "seed") if key in own and _kind(own) == "ToyImages"}
    toy |= dict(type="mmmim.ToyImages", transforms=common["transforms"], channels=common.get("channels", 3))
    num_bank, num_queries = counts
    return _built(dict(toy, num_images=num_bank), dict(toy, split="val", num_images=num_queries), data)


def training_images(cfg: Config, size: Sequence[int] | None = None) -> Dataset:
    """Return the images that a config trains on, with evaluation transforms.

    Args:
        size: Pixels ``(H, W)``; by default what the encoder reads.
    """
    transforms = _transforms(cfg) if size is None else evaluation_transforms(size)
    return DATASETS.build(dict(cfg.train_dataloader.dataset, transforms=transforms))


def _of_folder(cfg: Config, data_dir: str, train: dict, test: dict) -> tuple[dict, dict]:
    """Return the configs of both sets, read from a folder."""
    sets = dict(train_features=dict(dataset=train), test_features=dict(dataset=test))
    parts = use_folder(Config(dict(model=dict(type=cfg.model.type), **sets)), data_dir)
    return parts.train_features.dataset, parts.test_features.dataset


def _built(train: dict, test: dict, data_dir: str | None) -> tuple[Dataset, Dataset]:
    splits = DATASETS.build(train), DATASETS.build(test)
    if not splits[0].classes:
        raise UsageError(
            f"{data_dir}: the dataset has no labels; k-NN and probes need one sub-folder per class, at least two, "
            "in DIR or in DIR/train and DIR/val"
        )
    return splits


def _reading(cfg: Config) -> dict:
    """Return how the training images are read: their channels, extensions and range of values."""
    return {key: cfg.train_dataloader.dataset[key] for key in SHARED_KEYS if key in cfg.train_dataloader.dataset}


def _transforms(cfg: Config, crop_ratio: float | None = None) -> list[dict]:
    return evaluation_transforms(cfg.model.backbone.get("img_size", 224), crop_ratio)


def _dataset_configs(cfg: Config, crop_ratio: float | None, num_test: int | None) -> tuple[dict, dict | None]:
    """Return the configs of training and test set; None where the config has no test set."""
    train = dict(cfg.train_dataloader.dataset, transforms=_transforms(cfg, crop_ratio))
    if is_classifier(cfg) and cfg.get("val_dataloader"):
        test = dict(cfg.val_dataloader.dataset)
        transforms = test.get("transforms", []) if crop_ratio is None else train["transforms"]
        if num_test is not None and _kind(test) == "ToyImages":
            test["num_images"] = num_test
        return dict(train, transforms=transforms), dict(test, transforms=transforms)
    if _kind(train) == "ToyImages":
        return train, dict(train, split="val", num_images=num_test or 1024)
    return train, None


def _kind(dataset: dict) -> str:
    return str(dataset["type"]).removeprefix("mmmim.")


def _data_dir(root: str) -> str:
    root = os.path.normpath(root)
    return os.path.dirname(root) if os.path.basename(root) in TRAIN_FOLDERS else root


def evaluation_transforms(size: int | Sequence[int], crop_ratio: float | None = None) -> list[dict]:
    """Return configs of transforms that resize an image, keeping its aspect ratio, and crop its centre.

    Args:
        size: Pixels of the result, ``int`` or ``(H, W)``.
        crop_ratio: Crop size divided by the resized short side. Default: 0.875, and 1 for images below 128 pixels.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if crop_ratio is not None and not 0 < crop_ratio <= 1:
        raise UsageError(f"crop_ratio: {crop_ratio} must lie in (0, 1]; 0.875 is resize 256, crop 224")
    return [
        dict(type="Resize", size=short_side((height, width), crop_ratio), interpolation="bicubic", antialias=True),
        dict(type="CenterCrop", size=(height, width)),
    ]
