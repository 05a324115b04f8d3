from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, load_state_dict
from mmengine.runner.utils import set_random_seed
from torch.utils.data import DataLoader, Dataset

from mmmim.checkpoint.names import ENCODER_PREFIX, compare, differing_facts, model_state, stored_facts, strip_prefix
from mmmim.datasets import use_folder
from mmmim.datasets.data_option import TRAIN_FOLDERS, is_classifier
from mmmim.errors import UsageError
from mmmim.registry import DATASETS, MODELS

from .features import POOLS, Features, extract_features

SMALL_IMAGE = 128  # below this size objects fill the image to its edges, so nothing is cropped


class FrozenEvaluation:
    """The encoder and the labelled data that a config describes.

    A pre-training config uses its own data: the built-in toy data, or its image folder. A config with a labelled
    ``train_dataloader`` and ``val_dataloader``, such as that of a probe, defines both sets, their transforms and the
    pooling (``model.backbone.out_type``). ``data_dir`` names another folder with one sub-folder per class: ``train/``
    and ``val/`` below it are used where they exist, otherwise a tenth of each class is held out. Where the config has
    no evaluation transforms, images are resized and centre-cropped. There is no augmentation.

    Args:
        cfg: Config of a pre-training run of any method, or of a classifier.
        pool: Feature of an image, ``avg`` or ``cls``. Default: the pooling of a classifier's config, otherwise ``avg``.
        crop_ratio: Crop size divided by the resized short side. Default: the transforms of ``val_dataloader``,
            otherwise 0.875, and 1 for images below 128 pixels.
        num_test: Number of test images of the toy data. Default: that of ``val_dataloader``, otherwise 1024.
    """

    def __init__(
        self,
        cfg: Config,
        data_dir: str | None = None,
        *,
        pool: str | None = None,
        crop_ratio: float | None = None,
        device: str | torch.device = "cpu",
        batch_size: int = 64,
        num_workers: int = 0,
        num_test: int | None = None,
    ) -> None:
        self.cfg = cfg
        self.backbone, self.pool = _pooled_backbone(cfg, pool)
        self.device = torch.device(device)
        self.datasets = labelled_splits(cfg, data_dir, crop_ratio, num_test)
        self.loaders = [DataLoader(part, batch_size, num_workers=num_workers) for part in self.datasets]
        self.preprocessor = MODELS.build(_preprocessor(cfg)).to(self.device)

    def features(self, checkpoint: str | Path | None = None, seed: int = 0) -> tuple[Features, Features]:
        """Return training and test features of the encoder in ``checkpoint``; None: as ``seed`` initialises it."""
        set_random_seed(seed)
        backbone: torch.nn.Module = MODELS.build(dict(self.backbone, init_cfg=None))
        if checkpoint is not None:
            load_encoder(backbone, checkpoint)
        backbone.to(self.device)
        train, test = (extract_features(backbone, each, self.preprocessor, self.pool) for each in self.loaders)
        return train, test


def load_encoder(backbone: torch.nn.Module, checkpoint: str | Path) -> str:
    """Load ``backbone.*`` from a checkpoint of a training run and return the report line.

    Raises:
        UsageError: A tensor is missing, left over or of another shape, or the file says it is of another encoder.
    """
    content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location="cpu", logger="silent")
    state = strip_prefix(model_state(content), ENCODER_PREFIX)
    load_state_dict(backbone, dict(state), strict=False, logger="silent")
    report = compare(state, backbone)
    describe: Any = getattr(backbone, "describe", dict)
    differing = differing_facts(stored_facts(content), describe())
    problems = report.problems() + [f"{name}: {there} there, {here} here" for name, (there, here) in differing.items()]
    if problems or not report.complete:
        lines = "\n  ".join([report.line(), *problems])
        raise UsageError(f"{checkpoint} does not belong to this config: {lines}")
    return report.line()


def labelled_splits(
    cfg: Config, data_dir: str | None = None, crop_ratio: float | None = None, num_test: int | None = None
) -> tuple[Dataset, Dataset]:
    """Return training and test set with evaluation transforms; see :class:`FrozenEvaluation`."""
    train, test = _dataset_configs(cfg, crop_ratio, num_test)
    if data_dir is None and test is None and _kind(train) == "ImageFolder":
        data_dir = _data_dir(train["root"])
    if data_dir is not None:
        parts = Config(
            dict(
                model=dict(type=cfg.model.type),
                train_features=dict(dataset=train),
                test_features=dict(dataset=test or dict(train)),
            )
        )
        parts = use_folder(parts, data_dir)
        train, test = parts.train_features.dataset, parts.test_features.dataset
    elif test is None:
        raise UsageError(
            f"{_kind(train)} of this config has no labelled split; give a folder of class folders with --data DIR"
        )
    splits = DATASETS.build(train), DATASETS.build(test)
    if not splits[0].classes:
        raise UsageError(
            f"{data_dir}: the dataset has no labels; k-NN and probes need one sub-folder per class, at least two, "
            "in DIR or in DIR/train and DIR/val"
        )
    return splits


def _dataset_configs(cfg: Config, crop_ratio: float | None, num_test: int | None) -> tuple[dict, dict | None]:
    """Return the configs of training and test set; None where the config has no test set."""
    train = dict(cfg.train_dataloader.dataset, transforms=_transforms(cfg.model.backbone, crop_ratio))
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


def _pooled_backbone(cfg: Config, pool: str | None) -> tuple[dict, str]:
    """Return the backbone's config and the pooling of its output; a classifier's backbone pools by itself."""
    backbone = dict(cfg.model.backbone)
    own = backbone.get("out_type")
    if own not in POOLS:
        return backbone, pool or "avg"
    return dict(backbone, out_type=pool or own), pool or own


def _data_dir(root: str) -> str:
    root = os.path.normpath(root)
    return os.path.dirname(root) if os.path.basename(root) in TRAIN_FOLDERS else root


def _transforms(backbone: dict, crop_ratio: float | None) -> list[dict]:
    size = backbone.get("img_size", 224)
    height, width = (size, size) if isinstance(size, int) else size
    longest = max(height, width)
    if crop_ratio is None:
        crop_ratio = 1.0 if longest < SMALL_IMAGE else 0.875
    if not 0 < crop_ratio <= 1:
        raise UsageError(f"crop_ratio: {crop_ratio} must lie in (0, 1]; 0.875 is resize 256, crop 224")
    return [
        dict(type="Resize", size=round(longest / crop_ratio), interpolation="bicubic", antialias=True),
        dict(type="CenterCrop", size=(height, width)),
    ]


def _preprocessor(cfg: Config) -> dict:
    preprocessor = cfg.model.get("data_preprocessor") or cfg.get("data_preprocessor")
    if preprocessor is None:
        raise UsageError("data_preprocessor: this config has none, so how to normalise images is unknown")
    return dict(preprocessor)
