from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS

VIEWS = {"inputs", "token_inputs"}


@MODELS.register_module()
class ImagePreprocessor(BaseDataPreprocessor):
    """A preprocessor that normalises a uint8 batch ``(B, C, H, W)`` on the device: float32, ``(x - mean) / std``.

    Labels and indices stay as they are. After ``.double()``, or built with float64 as torch's default, it gives
    float64.

    ``token_inputs``, the crops at a tokenizer's resolution, are normalised as ``inputs`` are.

    Args:
        mean, std: One value per channel, in units of 0..255; C may be any number. Channel order is RGB.
        batch_augment: Config of (or a ready) ``(images, labels) -> (images, labels)``, e.g. ``ClsBatchAugment``;
            applied to the normalised images in training mode.

    Raises:
        UsageError: the batch is not one uint8 tensor, or has another number of channels than ``mean``.
    """

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        batch_augment: dict | Callable | None = None,
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if len(mean) != len(std):
            raise UsageError(f"mean, std: one value per channel each, got {len(mean)} and {len(std)}")
        if min(std) <= 0:
            raise UsageError(f"std: values must be above 0, got {tuple(std)}")
        self.statistics: dict[str, tuple[float, ...]] = dict(mean=tuple(mean), std=tuple(std))
        self.register_buffer("mean", torch.tensor(mean).to(torch.get_default_dtype()).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).to(torch.get_default_dtype()).view(-1, 1, 1), persistent=False)
        self.batch_augment = _build(batch_augment) if isinstance(batch_augment, dict) else batch_augment

    def forward(self, data: dict, training: bool = False) -> dict:
        for view in VIEWS & data.keys():
            self._check(data[view], view)
        data = self.cast_data(data)
        precision = torch.promote_types(self.mean.dtype, torch.float32)
        for view in VIEWS & data.keys():
            data[view] = data[view].to(precision).sub_(self.mean).div_(self.std)  # (B,C,H,W)
        images = data["inputs"]
        if training and self.batch_augment is not None:
            images, data["labels"] = self.batch_augment(images, data["labels"])
        data["inputs"] = images
        return data

    def _check(self, images: Tensor, name: str) -> None:
        if not isinstance(images, Tensor):
            raise UsageError(
                f"{name}: expected one tensor (B, C, H, W), got {type(images).__name__}; set the dataloader's "
                "collate_fn=dict(type='default_collate')"
            )
        if images.dtype != torch.uint8:
            raise UsageError(
                f"{name}: expected uint8 in 0..255, got {images.dtype}; remove ToDtype, ConvertImageDtype or Normalize "
                "from the dataset's transforms, normalisation happens here"
            )
        if images.ndim != 4 or images.shape[1] != len(self.mean):
            raise UsageError(
                f"{name}: expected (B, {len(self.mean)}, H, W) for the {len(self.mean)} values of mean and std, got "
                f"{tuple(images.shape)}; set dataset.channels and data_preprocessor.mean, std to the same number"
            )


def statistics_of(preprocessor: nn.Module) -> dict[str, tuple[float, ...]]:
    """Return the ``mean`` and ``std`` that a preprocessor normalises by.

    They are missing if it is not an :class:`ImagePreprocessor`, so that parts keep their own defaults.
    """
    return preprocessor.statistics if isinstance(preprocessor, ImagePreprocessor) else {}


def _build(augment: dict) -> Callable:
    kind = augment["type"]
    return MODELS.build(dict(augment, type=f"mmmim.{kind}" if isinstance(kind, str) and "." not in kind else kind))
