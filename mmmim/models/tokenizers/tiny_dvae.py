from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.errors import UsageError, WeightsError
from mmmim.registry import MODELS

from ..layers import at_least_fp32, full_precision
from .base import Tokenizer
from .loading import BUILT_IN, fill

WEIGHTS = Path(__file__).with_name("weights") / "tiny_dvae.safetensors"
SOURCE = "a checkpoint of tools/train.py configs/tokenizer/dvae_toy.py"
EPS = 0.1  # the logit-Laplace likelihood lives on (0, 1): DALL-E's map keeps pixels away from both ends


def to_likelihood_range(images: Tensor) -> Tensor:
    """Map pixels in [0, 1] to the range [EPS, 1 - EPS] of the likelihood."""
    return (1 - 2 * EPS) * images + EPS


def to_unit_range(values: Tensor) -> Tensor:
    """Map values of the likelihood's range back to pixels, clipped to [0, 1]."""
    return ((values - EPS) / (1 - 2 * EPS)).clamp(0, 1)


class Block(nn.Sequential):
    """A residual block ``x + conv(relu(conv(relu(conv(relu(x))))))`` with kernels 1, 3, 1, half as wide inside."""

    def __init__(self, dims: int) -> None:
        hidden = dims // 2
        super().__init__(
            nn.ReLU(), nn.Conv2d(dims, hidden, 1),
            nn.ReLU(), nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(), nn.Conv2d(hidden, dims, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


@MODELS.register_module()
class TinyDVAE(Tokenizer):
    """A discrete VAE in the manner of DALL-E's (`Ramesh et al., 2021`), small enough to come with the package.

    It has one code for 8 x 8 pixels, 622,350 parameters and 0.12 GMACs for encoding and decoding 112 x 112 pixels.

    All work is done on the grid of codes. The scores of the codes are the sum of a linear layer of the 8 x 8
    pixels, which starts from k-means (``start_from``), and a small convolutional network.

    Args:
        num_codes: V; the built-in weights have 512.
        dims: Width of the codebook and of both networks.
        checkpoint: ``.safetensors``, or a file of ``tools/train.py configs/tokenizer/dvae_toy.py``; the built-in
            weights are those of that config, trained on drawn pictures.
    """

    stride = 8

    def __init__(
        self, num_codes: int = 512, dims: int = 128, checkpoint: str | None = str(WEIGHTS), **kwargs: Any
    ) -> None:
        super().__init__(checkpoint=checkpoint, **kwargs)
        if num_codes < 2:
            raise UsageError(f"num_codes={num_codes} must be at least 2")
        self.num_codes = num_codes
        self.patch_logits = nn.Conv2d(3, num_codes, self.stride, self.stride)
        self.trunk = nn.Sequential(nn.Conv2d(3, dims, self.stride, self.stride), Block(dims), Block(dims), nn.ReLU())
        self.trunk_logits = nn.Conv2d(dims, num_codes, 1)
        self.codebook = nn.Embedding(num_codes, dims)
        self.decoder = nn.Sequential(
            Block(dims), Block(dims), Block(dims), nn.ReLU(),
            nn.Conv2d(dims, 12 * self.stride**2, 1), nn.PixelShuffle(self.stride),
            nn.ReLU(), nn.Conv2d(12, 6, 3, padding=1),
        )  # fmt: skip
        for parameter in self.trunk_logits.parameters():
            nn.init.zeros_(parameter)
        self.freeze()

    def encode_logits(self, images: Tensor) -> Tensor:
        pixels = to_likelihood_range(images)
        features = self.trunk(pixels)
        with full_precision(images.device.type):
            return self.patch_logits(at_least_fp32(pixels)) + self.trunk_logits(at_least_fp32(features))  # (B,V,h,w)

    def decode_codes(self, ids: Tensor) -> Tensor:
        return self.mean_of(self.decoder(self.codebook(ids).permute(0, 3, 1, 2)))

    @staticmethod
    def mean_of(likelihood: Tensor) -> Tensor:
        """Return the image of the decoder's outputs ``(B, 6, H, W)``: location and log scale of each channel."""
        return to_unit_range(at_least_fp32(likelihood[:, :3]).sigmoid())

    def load_weights(self) -> None:
        from mmmim.checkpoint.foreign import read_source

        if self.checkpoint is None:
            raise WeightsError(f"TinyDVAE(checkpoint=None) has no weights; give {SOURCE}, {BUILT_IN}")
        try:
            state = read_source(self.checkpoint).state
        except UsageError as error:
            raise WeightsError(f"TinyDVAE, checkpoint={error}; give {SOURCE}, {BUILT_IN}") from None
        prefix = "tokenizer."  # the name that the model that trains it gives it
        trained = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        state = trained or state
        codes = state.get("codebook.weight")
        if codes is not None and len(codes) != self.num_codes:
            raise WeightsError(
                f"TinyDVAE(num_codes={self.num_codes}): {self.checkpoint} has {len(codes)} codes; set num_codes="
                f"{len(codes)}, or give the file of a tokenizer with {self.num_codes}, {SOURCE}"
            )
        fill(dict(self.named_parameters()), state, self.checkpoint, SOURCE)

    # ---------------------------------------------------------------- training

    def forward(self, images: Tensor, tau: float) -> tuple[Tensor, Tensor]:
        """Return scores of the codes ``(B, V, h, w)`` and decoder outputs ``(B, 6, H, W)``, both differentiable.

        The decoder reads a Gumbel-softmax sample of the codes at temperature ``tau``.
        """
        logits = self.encode_logits(images)
        sample = F.gumbel_softmax(logits, tau, dim=1)
        embedded = torch.einsum("bvhw,vd->bdhw", sample, self.codebook.weight)
        return logits, self.decoder(embedded)

    @torch.no_grad()
    def start_from(self, patches: Tensor, sharpness: float = 8.0, seed: int = 0) -> None:
        """Initialise the codes by k-means of ``patches (n, 3, 8, 8)`` in [0, 1].

        From random weights few codes would come into use. With centroids c and the mean squared distance D to the
        nearest one, the scores start as ``-sharpness * |x - c|^2 / D``, and the codebook as a random projection of the
        centred centroids.
        """
        from sklearn.cluster import KMeans

        if len(patches) < self.num_codes:
            raise UsageError(f"{self.num_codes} codes need at least as many patches to start from, got {len(patches)}")
        pixels = to_likelihood_range(patches).flatten(1).double()  # (n,192)
        means = KMeans(self.num_codes, init="random", n_init=1, max_iter=12, random_state=seed)
        means.fit(pixels.cpu().numpy())
        centroids = torch.from_numpy(means.cluster_centers_).to(pixels)  # (V,192)
        scale = sharpness * len(pixels) / means.inertia_
        weight, bias = self.patch_logits.parameters()
        weight.copy_((2 * scale * centroids).view_as(weight))
        bias.copy_(-scale * centroids.square().sum(1))
        generator = torch.Generator().manual_seed(seed)
        projection = torch.randn(centroids.shape[1], self.codebook.embedding_dim, generator=generator)
        codes = (centroids - centroids.mean(0)).to(projection.dtype) @ projection.to(centroids.device)
        self.codebook.weight.copy_(codes / codes.std())
