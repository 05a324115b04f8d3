from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, load_state_dict
from mmengine.runner.utils import set_random_seed
from torch.utils.data import DataLoader, Dataset

from mmmim.datasets import use_folder
from mmmim.datasets.data_option import TRAIN_FOLDERS
from mmmim.engine.checkpoint_keys import ENCODER_PREFIX, compare, differing_facts, model_state, strip_prefix
from mmmim.engine.errors import UsageError
from mmmim.registry import DATASETS, MODELS

from .features import Features, extract_features

SMALL_IMAGE = 128  # below it images show their object from edge to edge, and nothing is cropped off


class FrozenEvaluation:
    """The encoder and the labelled data that a pre-training config stands for.

    The data are the config's own: the built-in toy data, or its image folder; ``data_dir`` gives another folder with
    one sub-folder per class. ``train/`` and ``val/`` below it are used, otherwise a tenth of each class is held out.
    Images are resized and centre-cropped, without augmentation.

    Args:
        cfg: config of a pre-training run of any method.
        crop_ratio: crop size over resized short side; default 0.875, and 1 for images below 128 pixels.
        num_test: with toy data, the number of test images.
    """

    def __init__(
        self,
        cfg: Config,
        data_dir: str | None = None,
        *,
        pool: str = "avg",
        crop_ratio: float | None = None,
        device: str | torch.device = "cpu",
        batch_size: int = 64,
        num_workers: int = 0,
        num_test: int = 1024,
    ) -> None:
        self.cfg = cfg
        self.pool = pool
        self.device = torch.device(device)
        self.datasets = labelled_splits(cfg, data_dir, crop_ratio, num_test)
        self.loaders = [DataLoader(part, batch_size, num_workers=num_workers) for part in self.datasets]
        self.preprocessor = MODELS.build(_preprocessor(cfg)).to(self.device)

    def features(self, checkpoint: str | Path | None = None, seed: int = 0) -> tuple[Features, Features]:
        """Training and test features of the encoder in ``checkpoint``; ``None``: as ``seed`` initialises it."""
        set_random_seed(seed)
        backbone: torch.nn.Module = MODELS.build(dict(self.cfg.model.backbone, init_cfg=None))
        if checkpoint is not None:
            load_encoder(backbone, checkpoint)
        backbone.to(self.device)
        train, test = (extract_features(backbone, each, self.preprocessor, self.pool) for each in self.loaders)
        return train, test


def load_encoder(backbone: torch.nn.Module, checkpoint: str | Path) -> str:
    """Load ``backbone.*`` of a runner's checkpoint and return the report line.

    Raises:
        UsageError: a tensor is missing, left over or of another shape, or the file says it is of another encoder.
    """
    content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location="cpu", logger="silent")
    state = strip_prefix(model_state(content), ENCODER_PREFIX)
    load_state_dict(backbone, dict(state), strict=False, logger="silent")
    report = compare(state, backbone)
    describe: Any = getattr(backbone, "describe", dict)
    differing = differing_facts(content.get("meta", {}).get("mmmim", {}), describe())
    problems = report.problems() + [f"{name}: {there} there, {here} here" for name, (there, here) in differing.items()]
    if problems or not report.complete:
        lines = "\n  ".join([report.line(), *problems])
        raise UsageError(f"{checkpoint} does not belong to this config: {lines}")
    return report.line()


def labelled_splits(
    cfg: Config, data_dir: str | None = None, crop_ratio: float | None = None, num_test: int = 1024
) -> tuple[Dataset, Dataset]:
    """Training and test set with evaluation transforms; see :class:`FrozenEvaluation`."""
    dataset = dict(cfg.train_dataloader.dataset, transforms=_transforms(cfg.model.backbone, crop_ratio))
    kind = str(dataset["type"]).removeprefix("mmmim.")
    if data_dir is None and kind == "ImageFolder":
        data_dir = _data_dir(dataset["root"])
    parts = Config(
        dict(
            model=dict(type=cfg.model.type),
            train_features=dict(dataset=dataset),
            test_features=dict(dataset=dict(dataset)),
        )
    )
    if data_dir is not None:
        parts = use_folder(parts, data_dir)
    elif kind == "ToyImages":
        parts.test_features.dataset.update(split="val", num_images=num_test)
    else:
        raise UsageError(f"{kind} of this config has no labelled split; give a folder of class folders with --data DIR")
    train, test = (DATASETS.build(parts[name].dataset) for name in ("train_features", "test_features"))
    if not train.classes:
        raise UsageError(
            f"{data_dir}: the dataset has no labels; k-NN and probes need one sub-folder per class, at least two, "
            "in DIR or in DIR/train and DIR/val"
        )
    return train, test


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
