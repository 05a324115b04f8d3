from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS, build_part

from ..layers import ColorSpace, PatchMask, at_least_fp32, full_precision, grid_of, patchify, take, to_pair, unpatchify
from ..necks.base import Neck
from .base import Corrupted, Generator


@MODELS.register_module()
class PixelGenerator(Generator):
    """CIM's generator without tokens (Table 10), which samples around pixels that MAE predicts for the hidden patches.

    The paper leaves the distribution open. Ours is ``x = clip(mu + s_c noise)``, with standard normal noise and
    ``s_c^2`` a moving average of the squared error of channel c; mu is trained by that error (pixels are not
    standardised).

    Args:
        backbone, neck: Encoder of the visible patches and decoder, as in MAE; dropped after pre-training.
        momentum: Momentum of the moving average.
    """

    error: Tensor

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        momentum: float = 0.99,
        input_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
    ) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise UsageError(f"momentum={momentum} must lie in [0, 1)")
        self.patch_size = to_pair(patch_size)
        self.encoder = build_part(backbone, img_size=input_size, patch_size=self.patch_size, in_channels=in_channels)
        if self.encoder.mask_mode != "drop":
            raise UsageError(f"generator.backbone encodes visible patches only; mask_mode={self.encoder.mask_mode!r}")
        self.decoder = Neck.build(
            "generator.neck",
            neck,
            in_dims=self.encoder.embed_dims,
            out_dims=self.patch_size[0] * self.patch_size[1] * in_channels,
            grid=self.encoder.grid_size,
            num_prefix=self.encoder.num_prefix,
        )
        self.momentum, self.color_space = momentum, ColorSpace(mean, std)
        self.register_buffer("error", torch.ones(in_channels))

    def forward(
        self, images: Tensor, mask: PatchMask, token_images: Tensor | None = None, lender: nn.Module | None = None
    ) -> Corrupted:
        """Paint the hidden patches of ``images (B, C, H, W)``, normalised; the last two arguments are not used."""
        where, patches = mask.hidden, patchify(images, self.patch_size)  # (B,K), (B,N,T)
        values = self.decoder(self.encoder(images, mask)[-1], mask, where)  # (B,K,T)
        with full_precision(images.device.type):
            error = F.mse_loss(at_least_fp32(values), at_least_fp32(take(patches, where)), reduction="none")
        if self.training:
            self._track(error.detach())
        painted = self._paint(patches, values.detach(), where, grid_of(images, self.patch_size))
        return Corrupted(
            painted.to(images.dtype), None, dict(loss_generator=error.mean() if error.numel() else error.sum())
        )

    def _track(self, error: Tensor) -> None:
        if error.numel():
            channels = error.unflatten(-1, (-1, len(self.error))).mean((0, 1, 2))
            all_reduce(channels, op="mean")
            self.error.lerp_(channels, 1 - self.momentum)

    @torch.no_grad()
    def _paint(self, patches: Tensor, values: Tensor, where: Tensor, grid: tuple[int, int]) -> Tensor:
        deviation = self.error.sqrt().repeat(self.patch_size[0] * self.patch_size[1])  # (T,)
        values = at_least_fp32(values)
        sampled = values + deviation * torch.randn_like(values)
        index = where.unsqueeze(-1).expand(-1, -1, patches.shape[-1])
        images = unpatchify(at_least_fp32(patches).scatter(1, index, sampled), self.patch_size, grid)
        return self.color_space.normalise(self.color_space.to_unit(images).clamp(0, 1))
