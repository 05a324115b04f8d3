from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.errors import UsageError, WeightsError
from mmmim.registry import MODELS

from ..layers import at_least_fp32, full_precision
from .base import Tokenizer
from .loading import BUILT_IN, fill, read_weights, require
from .tiny_dvae import to_likelihood_range, to_unit_range

URL = "https://cdn.openai.com/dall-e/"


@MODELS.register_module()
class DALLETokenizer(Tokenizer):
    """The discrete VAE of DALL-E: one of 8192 codes for 8 x 8 pixels, under OpenAI's parameter names.

    The largest encoder logit is the code. The decoder gives mean and scale of a logit-Laplace distribution; the image
    is ``(sigmoid(mean) - 0.1) / 0.8``.

    Args:
        checkpoint: Folder with OpenAI's encoder.pkl and decoder.pkl, or one file: both halves in one state dict, or the
            encoder alone, which encodes but cannot decode.
        width: Channels of the first encoder group.
    """

    stride = 8

    def __init__(
        self, checkpoint: str | None = "data/tokenizers/dalle", num_codes: int = 8192, width: int = 256, **kwargs: Any
    ) -> None:
        super().__init__(checkpoint, **kwargs)
        if width < 4 or width % 4:
            raise UsageError(f"width={width} must be a multiple of 4: blocks are a quarter as wide inside")
        self.num_codes = num_codes
        self.encoder, self.decoder = Encoder(num_codes, width), Decoder(num_codes, width)
        self.decoder_file: str | None = None  # the decoder, if its file was missing
        self.freeze()

    def encode_logits(self, images: Tensor) -> Tensor:
        return self.encoder(to_likelihood_range(images))  # (B,V,h,w)

    def decode_codes(self, ids: Tensor) -> Tensor:
        if self.decoder_file is not None:
            raise WeightsError(
                f"{type(self).__name__} cannot decode: {self.checkpoint} has the encoder only and "
                f"{self.decoder_file} is missing; put {URL}encoder.pkl and {URL}decoder.pkl in one folder and give it "
                f"as checkpoint=..., {BUILT_IN}"
            )
        return to_unit_range(at_least_fp32(self.decoder(ids)[:, :3]).sigmoid())  # (B,3,H,W)

    def load_weights(self) -> None:
        source = f"{URL}encoder.pkl and {URL}decoder.pkl"
        place = require(type(self).__name__, self.checkpoint, source)
        files = [place / "encoder.pkl", place / "decoder.pkl"] if place.is_dir() else [place]
        require(type(self).__name__, files[0], source)
        state = {
            name: tensor
            for file in files
            if file.exists()
            for name, tensor in _with_half(read_weights(file, source)).items()
        }
        decodes = any(name.startswith("decoder.") for name in state)
        own = {name: value for name, value in self.named_parameters() if decodes or name.startswith("encoder.")}
        fill(own, state, place, source)
        self.decoder_file = None if decodes else str(files[-1] if place.is_dir() else "decoder.pkl")


def _with_half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name the tensors of a file with one half in full: such a file calls them ``blocks.*``.

    The encoder is recognised by its first convolution, which reads RGB.
    """
    if not any(name.startswith("blocks.") for name in state):
        return state
    first = state.get("blocks.input.w")
    half = "decoder" if first is not None and first.ndim == 4 and first.shape[1] != 3 else "encoder"
    return {f"{half}.{name}": tensor for name, tensor in state.items()}


class Conv2d(nn.Module):
    """A convolution that keeps height and width; if ``exact``, in the parameters' precision even under autocast."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, exact: bool = False) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        self.b = nn.Parameter(torch.zeros(out_channels))
        self.exact = exact
        nn.init.normal_(self.w, std=(in_channels * kernel**2) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        padding = self.w.shape[-1] // 2
        if not self.exact:
            return F.conv2d(x, self.w, self.b, padding=padding)
        with full_precision(x.device.type):
            return F.conv2d(x.to(self.w.dtype), self.w, self.b, padding=padding)


class OneHotConv2d(Conv2d):
    """A 1 x 1 convolution of the one-hot tensor of ``ids (B,h,w)``, by lookup."""

    def forward(self, ids: Tensor) -> Tensor:
        return (F.embedding(ids, self.w[:, :, 0, 0].t()) + self.b).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A residual block of four convolutions; the residual path is scaled by ``1 / num_blocks²``."""

    def __init__(self, in_channels: int, out_channels: int, kernels: tuple[int, ...], num_blocks: int) -> None:
        super().__init__()
        self.gain = 1 / num_blocks**2
        hidden = out_channels // 4
        self.id_path = nn.Identity() if in_channels == out_channels else Conv2d(in_channels, out_channels, 1)
        channels = [in_channels, hidden, hidden, hidden, out_channels]
        self.res_path = nn.Sequential(
            OrderedDict(
                layer
                for i, kernel in enumerate(kernels)
                for layer in [
                    (f"relu_{i + 1}", nn.ReLU(inplace=i > 0)),  # the first one's input is needed by id_path
                    (f"conv_{i + 1}", Conv2d(channels[i], channels[i + 1], kernel)),
                ]
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(self.id_path(x), self.res_path(x), alpha=self.gain)


def _groups(
    widths: list[int], kernels: tuple[int, ...], resize_name: str, resize: Callable[[], nn.Module]
) -> list[tuple[str, nn.Module]]:
    """Return groups of two blocks each; all but the last group resize."""
    block = partial(Block, kernels=kernels, num_blocks=2 * (len(widths) - 1))
    groups: list[tuple[str, nn.Module]] = []
    for i, (before, width) in enumerate(pairwise(widths), 1):
        layers: list[tuple[str, nn.Module]] = [("block_1", block(before, width)), ("block_2", block(width, width))]
        if i < len(widths) - 1:
            layers.append((resize_name, resize()))
        groups.append((f"group_{i}", nn.Sequential(OrderedDict(layers))))
    return groups


def _output(conv: Conv2d) -> tuple[str, nn.Module]:
    return "output", nn.Sequential(OrderedDict(relu=nn.ReLU(inplace=True), conv=conv))


class Encoder(nn.Module):
    """The encoder: RGB images ``(B, 3, H, W)`` to scores of the codes ``(B, num_codes, H/8, W/8)``."""

    def __init__(self, num_codes: int, width: int) -> None:
        super().__init__()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        groups = _groups(widths, (3, 3, 3, 1), "pool", partial(nn.MaxPool2d, 2))
        output = _output(Conv2d(8 * width, num_codes, 1, exact=True))
        self.blocks = nn.Sequential(OrderedDict([("input", Conv2d(3, width, 7)), *groups, output]))

    def forward(self, images: Tensor) -> Tensor:
        return self.blocks(images)


class Decoder(nn.Module):
    """The decoder: codes ``(B, h, w)`` to six channels, means and logarithmic scales of R, G, B."""

    def __init__(self, num_codes: int, width: int) -> None:
        super().__init__()
        widths = [width // 2, 8 * width, 4 * width, 2 * width, width]
        groups = _groups(widths, (1, 3, 3, 3), "upsample", partial(nn.Upsample, scale_factor=2.0))
        lookup = OneHotConv2d(num_codes, width // 2, 1)
        self.blocks = nn.Sequential(OrderedDict([("input", lookup), *groups, _output(Conv2d(width, 6, 1))]))

    def forward(self, ids: Tensor) -> Tensor:
        return self.blocks(ids)
