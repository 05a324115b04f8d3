"""Classes of colour as targets (SimMIM, Tables 5 and 13)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmmim.errors import MissingFileError, UsageError, WeightsError
from mmmim.registry import MODELS

from ..layers import PatchMask, at_least_fp32, grid_of, unpatchify
from .dense import DenseTarget


class ColorTarget(DenseTarget):
    """A base of colour classes: ``(B, n, P)`` class ids, and ``dims = P * num_classes`` outputs per patch.

    Args:
        mean, std: Filled from the data preprocessor, in units of 0..255.
    """

    num_classes: int
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        num_classes: int,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        downsample: int = 1,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
    ) -> None:
        super().__init__(patch_size, in_channels, downsample)
        self.num_classes = num_classes
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def colors(self, images: Tensor) -> Tensor:
        """Return colours in 0..255 at the target's resolution.

        They are rounded first, so that no class is missed by an ulp.
        """
        return self.reduce((at_least_fp32(images) * self.std + self.mean).round().clamp(0, 255))

    def normalised(self, colors: Tensor, like: Tensor) -> Tensor:
        """Return ``colors`` in 0..255 normalised as images, at their resolution."""
        return self.enlarge(((colors - self.mean) / self.std).to(like.dtype))

    def best_classes(self, values: Tensor) -> Tensor:
        """Return class ids ``(B, N, P)`` of predictions ``(B, N, P*classes)``; ids are returned as they are."""
        if not values.is_floating_point():
            return values
        return values.unflatten(-1, (-1, self.num_classes)).argmax(-1)


@MODELS.register_module()
class ColorBinTarget(ColorTarget):
    """Each channel's bin out of ``bins`` equal ones: ``min(floor(u * bins / 256), bins - 1)``, u in 0..255."""

    space = "color bins"

    def __init__(self, bins: int = 8, **kwargs: Any) -> None:
        if not 2 <= bins <= 256:
            raise UsageError(f"bins={bins} must lie between 2 and 256")
        super().__init__(bins, **kwargs)
        self.dims = self.values[0] * self.values[1] * self.in_channels * bins

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        bins = (self.colors(images) * (self.num_classes / 256)).floor().clamp(max=self.num_classes - 1)
        return self.patches(bins, where).long()

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        grid = grid_of(images, self.patch_size)
        bins = unpatchify(self.best_classes(values).float(), self.values, grid)
        return self.normalised((bins + 0.5) * 256 / self.num_classes, images)

    def weights(self, mask: PatchMask, images: Tensor) -> Tensor:
        return super().weights(mask, images).repeat_interleave(self.in_channels, -1)


@MODELS.register_module()
class ColorClusterTarget(ColorTarget):
    """The nearest of ``clusters`` colours, as in iGPT (`Chen et al., 2020`), by squared distance, ties to the lowest.

    Args:
        palette: ``.npy`` with ``(clusters, 3)`` colours in [-1, 1], iGPT's ``kmeans_centers.npy``; or an ``.npz`` that
            ``tools/analysis/color_palette.py`` made of your own images, which is not comparable with the paper.
    """

    palette: Tensor

    def __init__(self, palette: str | Path, clusters: int = 512, **kwargs: Any) -> None:
        super().__init__(clusters, **kwargs)
        self.file = Path(palette)
        own = self.file.suffix == ".npz"
        self.space = "color clusters (own k-means, not comparable)" if own else "color clusters"
        self.dims = self.values[0] * self.values[1] * clusters
        self.register_buffer("palette", torch.full((clusters, self.in_channels), torch.nan), persistent=False)
        self.loaded = False

    def init_weights(self) -> None:
        """Read the palette."""
        if not self.file.is_file():
            raise MissingFileError(
                f"target_generator.palette={str(self.file)!r}: there is no such file; give iGPT's kmeans_centers.npy, "
                "or make one with tools/analysis/color_palette.py --data DIR --out palette.npz"
            )
        try:
            stored = np.load(self.file, allow_pickle=False)
            colors = torch.from_numpy(stored["centers"] if self.file.suffix == ".npz" else stored).float()
        except Exception as error:  # what is no array of numbers can raise anything
            raise WeightsError(
                f"target_generator.palette={str(self.file)!r}: no file of colours ({type(error).__name__}: {error})"
            ) from None
        if colors.shape != self.palette.shape or colors.abs().max() > 1:
            raise UsageError(
                f"target_generator.palette={str(self.file)!r} holds {tuple(colors.shape)} values up to "
                f"{colors.abs().max():g}; expected {tuple(self.palette.shape)} in [-1, 1]"
            )
        self.palette.copy_(colors)
        self.loaded = True

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        if not self.loaded:
            self.init_weights()
        colors = self.patches(self.colors(images) / 127.5 - 1, where)  # (B,n,P*C)
        colors = colors.unflatten(-1, (-1, self.in_channels))  # (B,n,P,C)
        distance = (self.palette**2).sum(1) - 2 * colors @ self.palette.T  # (B,n,P,K), less the colour's own square
        return distance.argmin(-1)

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        if not self.loaded:
            self.init_weights()
        colors = (self.palette[self.best_classes(values)] + 1) * 127.5  # (B,N,P,C)
        maps = unpatchify(colors.flatten(2), self.values, grid_of(images, self.patch_size))
        return self.normalised(maps, images)
