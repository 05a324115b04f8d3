from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.errors import UsageError, WeightsError
from mmmim.registry import MODELS

from ..layers import at_least_fp32, full_precision
from .base import Tokenizer
from .loading import fill, read_weights, require

URLS = {
    1024: "https://heibox.uni-heidelberg.de/d/8088892a516d4e3baf92/",
    16384: "https://heibox.uni-heidelberg.de/d/a7530b09fed84f80a887/",
}
MULTIPLES = (1, 1, 2, 2, 4)  # factor on the width, per level


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


def norm(channels: int) -> nn.GroupNorm:
    """Return VQGAN's normalisation: group norm with 32 groups."""
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResBlock(nn.Module):
    """A residual block of two 3 x 3 convolutions, with norm and SiLU before each."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(in_channels), nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2, self.conv2 = norm(out_channels), nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if in_channels != out_channels:
            self.nin_shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x), inplace=True))
        y = self.conv2(F.silu(self.norm2(y), inplace=True))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + y


class Attention(nn.Module):
    """An attention layer with one head over all positions of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (layer(y).flatten(2).transpose(1, 2)[:, None] for layer in (self.q, self.k, self.v))  # (B,1,N,C)
        mixed = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2)
        return x + self.proj_out(mixed.unflatten(2, x.shape[-2:]))


class Middle(nn.Module):
    """The middle of encoder and decoder: a residual block, attention, and another residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = ResBlock(channels, channels), ResBlock(channels, channels)
        self.attn_1 = Attention(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    """A convolution that halves the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # pads on the right and below


class Upsample(nn.Module):
    """Nearest-neighbour enlargement to twice the size, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """The blocks of one resolution, with attention after each if asked for, and a change to the next resolution."""

    def __init__(self, in_channels: int, channels: int, depth: int, attention: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResBlock(channels if i else in_channels, channels) for i in range(depth))
        self.attn = nn.ModuleList(Attention(channels) for _ in range(depth if attention else 0))

    def forward(self, x: Tensor) -> Tensor:
        for i, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[i](x)
        for name in ("downsample", "upsample"):
            if hasattr(self, name):
                x = getattr(self, name)(x)
        return x


class Encoder(nn.Module):
    """The encoder: images ``(B, 3, H, W)`` in [-1, 1] to ``(B, dims, H/16, W/16)``."""

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        widths = [width, *(width * multiple for multiple in MULTIPLES)]
        last = len(MULTIPLES) - 1
        self.conv_in = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList(Level(widths[i], widths[i + 1], 2, i == last) for i in range(last + 1))
        for level, channels in zip(self.down[:-1], widths[1:], strict=False):
            level.downsample = Downsample(channels)
        self.mid = Middle(widths[-1])
        self.norm_out, self.conv_out = norm(widths[-1]), nn.Conv2d(widths[-1], dims, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x)), inplace=True))


class Decoder(nn.Module):
    """The decoder: vectors ``(B, dims, h, w)`` to images ``(B, 3, 16h, 16w)``."""

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        widths = [*(width * multiple for multiple in MULTIPLES), width * MULTIPLES[-1]]
        last = len(MULTIPLES) - 1
        self.conv_in = nn.Conv2d(dims, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList(Level(widths[i + 1], widths[i], 3, i == last) for i in range(last + 1))
        for level, channels in zip(self.up[1:], widths[1:], strict=False):
            level.upsample = Upsample(channels)
        self.norm_out, self.conv_out = norm(width), nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x), inplace=True))
