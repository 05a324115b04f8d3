"""The convolutional encoder and decoder of VQGAN, under the published parameter names."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLES = (1, 1, 2, 2, 4)  # factor on the width, per level


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
