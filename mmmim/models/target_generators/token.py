from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import at_least_fp32, check_rgb, grid_of, patchify, take, to_pair
from ..tokenizers.base import Tokenizer
from .base import TargetGenerator


@MODELS.register_module()
class TokenTarget(TargetGenerator):
    """Ids that a frozen tokenizer gives the image: ``(B, n, P)``, P = tokens per patch, ``dims = P * num_codes``.

    The tokenizer reads ``token_images``, the same crop at the size at which each patch gets ``tokens_per_patch`` rows
    and columns of tokens: with BEiT the encoder reads 224 pixels and the tokenizer 112, for 14 x 14 tokens. Without
    ``token_images`` the image is resized (bicubic, antialiased): SimMIM's 192 become 96 for 2 x 2 tokens per 32-pixel
    cell.

    Args:
        tokenizer: ``encode(images in [0, 1]) -> ids (B, h, w)`` and ``decode(ids) -> images in [0, 1]``, with
            ``num_codes`` and ``stride``.
        mean, std: Filled from the data preprocessor, in units of 0..255.
        in_channels: Filled from the backbone; tokenizers read RGB images.
    """

    space = "tokens"
    reads_token_images = True
    num_classes: int
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        tokenizer: dict,
        patch_size: int | tuple[int, int] = 16,
        tokens_per_patch: int = 1,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_rgb("TokenTarget", in_channels)
        self.tokenizer = Tokenizer.fits("tokenizer", MODELS.build(tokenizer)).requires_grad_(False).eval()
        self.patch_size, self.tokens_per_patch = to_pair(patch_size), tokens_per_patch
        self.num_classes = self.tokenizer.num_codes
        self.dims = tokens_per_patch**2 * self.num_classes
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def init_weights(self) -> None:
        """Read the tokenizer's weights, so that a missing file ends a run before its first step."""
        if isinstance(self.tokenizer, Tokenizer):
            self.tokenizer.init_weights()

    def train(self, mode: bool = True) -> TokenTarget:
        super().train(mode)
        self.tokenizer.eval()
        return self

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None, token_images: Tensor | None = None) -> Tensor:
        """Return the token ids ``(B, n, P)`` at the patches ``where (B, n)``, or at all.

        ``images`` and ``token_images``, the same crops at the tokenizer's resolution, are normalised.
        """
        grid = grid_of(images, self.patch_size)
        height, width = size = [side * self.tokens_per_patch * self.tokenizer.stride for side in grid]
        if token_images is not None and list(token_images.shape[-2:]) != size:
            rows, columns = (side / self.tokenizer.stride for side in token_images.shape[-2:])
            raise UsageError(
                f"token grid and patch grid differ: token_images of {tuple(token_images.shape[-2:])} make {rows:g} x "
                f"{columns:g} tokens of {self.tokenizer.stride} pixels, images of {tuple(images.shape[-2:])} make "
                f"{grid[0]} x {grid[1]} patches with tokens_per_patch={self.tokens_per_patch}; give the tokenizer "
                f"{height} x {width} pixels (token_size of TwoSizeRandomResizedCrop)"
            )
        views = images if token_images is None else token_images
        pixels = ((at_least_fp32(views) * self.std + self.mean) / 255).clamp(0, 1)
        if list(pixels.shape[-2:]) != size:
            pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True).clamp(0, 1)
        ids = self.tokenizer.encode(pixels)  # (B,h*t,w*t)
        patches = patchify(ids[:, None], (self.tokens_per_patch, self.tokens_per_patch))  # (B,N,P)
        return patches if where is None else take(patches, where)

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Return the pictures of decoded tokens, at the images' size."""
        if values.is_floating_point():
            values = values.unflatten(-1, (-1, self.num_classes)).argmax(-1)
        (h, w), t = grid_of(images, self.patch_size), self.tokens_per_patch
        ids = values.view(len(values), h, w, t, t).transpose(2, 3).reshape(len(values), h * t, w * t)
        pixels = F.interpolate(self.tokenizer.decode(ids), images.shape[-2:], mode="bicubic", antialias=True)
        return (pixels * 255 - self.mean) / self.std
