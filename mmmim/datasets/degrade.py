from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from mmmim.registry import TRANSFORMS

from .transforms import ToUint8Tensor


@TRANSFORMS.register_module()
class Degrade:
    """The degradation of a pre-training config as a transform of single uint8 images.

    It is meant for tests of robustness and for degraded downstream data. The clean image is lost here, so pre-training
    degrades in the model. Parameters are drawn from torch's global generator, which datasets seed for every sample.

    Args:
        degradation: One config as in ``model.degradation``, or a list of several. Arguments that the model would fill
            in (``input_size``, ``in_channels``) have to be given if they differ from the defaults.
        mean, std: The degradation gets ``(x - mean) / std``, in units of 0..255, as in pre-training, where padding is
            zero. By default it gets plain colours in [0, 1].
    """

    def __init__(
        self,
        degradation: dict | list[dict],
        mean: Sequence[float] | float = 0.0,
        std: Sequence[float] | float = 255.0,
    ) -> None:
        # At the top of the module these imports would make every dataset import the models.
        from mmmim.models.degradations import build_degradation
        from mmmim.models.layers import ColorSpace

        self.degradation: Any = build_degradation(degradation, mean=mean, std=std)
        self.color_space = ColorSpace(mean, std)
        self.to_tensor = ToUint8Tensor()

    @torch.no_grad()
    def __call__(self, image: Image.Image | torch.Tensor) -> torch.Tensor:
        colors = self.to_tensor(image)[None].float() / 255  # (1,C,H,W)
        params = self.degradation.sample((colors.shape[-2], colors.shape[-1]), 1)
        degraded = self.degradation(self.color_space.normalise(colors), **params)
        return self.color_space.to_unit(degraded)[0].clamp(0, 1).mul(255).round().to(torch.uint8)
