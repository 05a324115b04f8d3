from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.errors import UsageError, WeightsError
from mmmim.registry import MODELS

from ..layers import at_least_fp32, full_precision
from .base import Tokenizer
from .loading import fill, read_weights, require
from .vqgan_network import Decoder, Encoder

URLS = {
    1024: "https://heibox.uni-heidelberg.de/d/8088892a516d4e3baf92/",
    16384: "https://heibox.uni-heidelberg.de/d/a7530b09fed84f80a887/",
}


@MODELS.register_module()
class VQGANTokenizer(Tokenizer):
    """VQGAN f16 of taming-transformers: a code for 16 x 16 pixels, under the published parameter names.

    The code is the entry of the codebook with the smallest squared distance to the encoder's vector.

    Args:
        checkpoint: The published Lightning checkpoint, or its state dict; ``{num_codes}`` is filled in.
        num_codes: 16384 or 1024 for the published files.
        width: Channels of the first level, a multiple of 32.
    """

    stride = 16

    def __init__(
        self,
        checkpoint: str | None = "data/tokenizers/vqgan_imagenet_f16_{num_codes}.ckpt",
        num_codes: int = 16384,
        width: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(checkpoint and checkpoint.replace("{num_codes}", str(num_codes)), **kwargs)
        if width < 32 or width % 32:
            raise UsageError(f"width={width} must be a multiple of 32, which its normalisation groups")
        self.num_codes = num_codes
        dims = 2 * width
        self.encoder, self.decoder = Encoder(width, dims), Decoder(width, dims)
        self.quantize = Codebook(num_codes, dims)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(dims, dims, 1), nn.Conv2d(dims, dims, 1)
        self.freeze()

    def encode_vectors(self, images: Tensor) -> Tensor:
        """Return the encoder's vectors ``(B, C, h, w)`` of images in [0, 1], before they are quantised."""
        return self.quant_conv(self.encoder(2 * images - 1))  # (B,C,h,w)

    def encode_logits(self, images: Tensor) -> Tensor:
        return self.quantize.scores(self.encode_vectors(images))

    def decode_codes(self, ids: Tensor) -> Tensor:
        vectors = self.quantize.embedding(ids).permute(0, 3, 1, 2)
        return (at_least_fp32(self.decoder(self.post_quant_conv(vectors))).clamp(-1, 1) + 1) / 2  # (B,3,H,W)

    def load_weights(self) -> None:
        url = URLS.get(self.num_codes, " or ".join(URLS.values()))
        source = f"checkpoints/last.ckpt of {url}"
        file = require(type(self).__name__, self.checkpoint, source)
        state = read_weights(file, source)
        state = {name: tensor for name, tensor in state.items() if not name.startswith("loss.")}
        codebook = state.get("quantize.embedding.weight")
        if codebook is not None and len(codebook) != self.num_codes:
            raise WeightsError(
                f"{file} has {len(codebook)} codes, the tokenizer num_codes={self.num_codes}; set "
                f"num_codes={len(codebook)} or fetch {source}"
            )
        fill(dict(self.named_parameters()), state, file, source)


class Codebook(nn.Module):
    """The codebook, which scores how near each of its entries is to a vector."""

    def __init__(self, num_codes: int, dims: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_codes, dims)

    def scores(self, vectors: Tensor) -> Tensor:
        """Return the negative squared distances without their common term, ``2 z.e - |e|^2``: ``(B, V, h, w)``."""
        codes = self.embedding.weight
        with full_precision(vectors.device.type):
            products = F.conv2d(vectors.to(codes.dtype), codes[:, :, None, None], -codes.square().sum(1) / 2)
        return 2 * products
