"""A tokenizer whose codes can be computed by hand: the mean grey of a cell in ``num_codes`` steps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.models.tokenizers import Tokenizer
from mmmim.registry import MODELS


@MODELS.register_module(force=True)
class PaletteTokenizer(Tokenizer):
    """A tokenizer whose codes are the mean grey levels of cells."""

    def __init__(self, num_codes: int = 16, stride: int = 8) -> None:
        super().__init__(allow_random=True)
        self.num_codes, self.stride = num_codes, stride
        self.steps = nn.Parameter((torch.arange(num_codes) + 0.5) / num_codes)
        self.freeze()

    def encode_logits(self, images: Tensor) -> Tensor:
        grey = F.avg_pool2d(images.mean(1, keepdim=True), self.stride)  # (B,1,h,w)
        return -((grey - self.steps.view(1, -1, 1, 1)) ** 2)

    def decode_codes(self, ids: Tensor) -> Tensor:
        cells = self.steps[ids][:, None].expand(-1, 3, -1, -1)
        return cells.repeat_interleave(self.stride, 2).repeat_interleave(self.stride, 3)
