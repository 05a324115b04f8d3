from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import ColorSpace, grid_of, patchify, to_pair
from .base import TargetGenerator


@MODELS.register_module()
class ReplacedTokenTarget(TargetGenerator):
    """Which tokens of the image a generator has replaced, 0 or 1: ``(B, N, P)``.

    P is the number of tokens per output of the encoder (CIM's RevDet;
    `Fang et al., 2023 <https://arxiv.org/abs/2202.03382>`_).

    Args:
        patch_size: Pixels of an output of the encoder: 16 for a ViT, 32 for a ResNet, which then scores 2 x 2 tokens.
        token_size: Pixels of a token.
        mean, std: Filled from the data preprocessor, in units of 0..255.
    """

    space = "replaced"
    reads_replaced = True

    def __init__(
        self,
        patch_size: int | tuple[int, int] = 16,
        token_size: int | tuple[int, int] = 16,
        mean: Sequence[float] | float = 0.0,
        std: Sequence[float] | float = 255.0,
    ) -> None:
        super().__init__()
        self.color_space = ColorSpace(mean, std)
        self.patch_size, self.token_size = to_pair(patch_size), to_pair(token_size)
        if any(patch % token for patch, token in zip(self.patch_size, self.token_size, strict=True)):
            raise UsageError(
                f"an output of the encoder stands for {self.patch_size} pixels, no multiple of "
                f"token_size={self.token_size}; set target_generator.token_size and generator.patch_size to a divisor"
            )
        self.tokens = self.patch_size[0] // self.token_size[0], self.patch_size[1] // self.token_size[1]
        self.dims = self.tokens[0] * self.tokens[1]

    def forward(self, replaced: Tensor) -> Tensor:  # type: ignore[override]  # reads_replaced
        """Return the targets of ``replaced (B, h, w)`` bool on the grid of tokens."""
        return patchify(replaced[:, None].float(), self.tokens)

    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Return the images, darker where a token has more likely been replaced; ``values`` are logits."""
        chance = values.sigmoid()
        rows, columns = self.token_size
        h, w = grid_of(images, self.patch_size)
        maps = chance.view(-1, h, w, *self.tokens).transpose(2, 3).reshape(len(chance), 1, h * self.tokens[0], -1)
        light = 1 - 0.8 * maps.repeat_interleave(rows, 2).repeat_interleave(columns, 3)  # (B,1,H,W)
        return self.color_space.normalise(self.color_space.to_unit(images) * light)
