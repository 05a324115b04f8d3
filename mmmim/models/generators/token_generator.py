from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.errors import UsageError, WeightsError, one_of
from mmmim.registry import MODELS

from ..layers import ColorSpace, PatchMask, at_least_fp32, full_precision, to_pair
from ..layers.init import beit_linear_
from ..target_generators.token import TokenTarget
from .base import Corrupted, Generator
from .sampling import SAMPLE_MODES, sample_tokens
from .small_beit import SmallBEiT

UPSAMPLING = ("bicubic", "bilinear", "nearest")


@MODELS.register_module()
class TokenGenerator(Generator):
    """CIM's generator (Appendix A.3), which paints images with sampled visual tokens.

    A small BEiT predicts the visual tokens of the hidden patches (Eq. 1), a token is sampled for each (Eq. 2), and the
    frozen tokenizer paints the image with them.

    Args:
        tokenizer: Config of a tokenizer; its grid for an image is the grid of patches.
        embed_dims, depth, num_heads: Sizes of the small BEiT; width and heads follow an enhancer that is a ViT.
        share_layers: How many first blocks, with the patch embedding, are the enhancer's own (a ViT of the same width).
        sample_mode: ``softmax``, ``argmax`` or ``uniform`` (Table 7).
        upsample: Interpolation from the tokenizer's pixels to those of the images.
        frozen: Keep a trained generator as it is ("fixed", Appendix A.1); it has no loss then.
        checkpoint: Weights of the generator: a run of CIM, or of the BEiT it consists of.
    """

    makes_tokens = True

    def __init__(
        self,
        tokenizer: dict,
        embed_dims: int = 384,
        depth: int = 4,
        num_heads: int = 6,
        share_layers: int = 0,
        sample_mode: str = "softmax",
        temperature: float = 1.0,
        upsample: str = "bicubic",
        frozen: bool = False,
        checkpoint: str | None = None,
        input_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
    ) -> None:
        super().__init__()
        if in_channels != 3:
            raise UsageError(f"in_channels={in_channels}: tokenizers paint RGB images; use 3 channels")
        if not temperature > 0:
            raise UsageError(f"temperature={temperature} must be above 0; use sample_mode='argmax' for its limit")
        if frozen and share_layers:
            raise UsageError(f"frozen=True with share_layers={share_layers}: shared layers are trained; share none")
        if frozen and checkpoint is None:
            raise UsageError("frozen=True needs the checkpoint of a trained generator")
        self.patch_size, self.frozen, self.checkpoint = to_pair(patch_size), frozen, checkpoint
        self.sample_mode = one_of("sample_mode", sample_mode, SAMPLE_MODES)
        self.temperature, self.upsample = temperature, one_of("upsample", upsample, UPSAMPLING)
        self.color_space = ColorSpace(mean, std)
        self.tokens = TokenTarget(tokenizer, patch_size, mean=mean, std=std)
        self.encoder = SmallBEiT(embed_dims, depth, num_heads, share_layers, input_size, patch_size, in_channels)
        self.share_layers = share_layers
        self.lender_facts = dict(embed_dims=embed_dims, num_heads=num_heads, patch_size=self.patch_size)
        self.head = nn.Linear(embed_dims, self.tokens.num_classes)
        beit_linear_(self.head)
        if frozen:
            self.encoder.requires_grad_(False)
            self.head.requires_grad_(False)
            self.eval()

    def train(self, mode: bool = True) -> TokenGenerator:
        return super().train(mode and not self.frozen)

    def forward(
        self,
        images: Tensor,
        mask: PatchMask,
        token_images: Tensor | None = None,
        lender: nn.Module | None = None,
    ) -> Corrupted:
        """Replace the hidden tokens of ``images (B, 3, H, W)``, normalised.

        Args:
            token_images: The same crop at the tokenizer's resolution.
        """
        golden = self.golden(images, token_images)  # (B,N)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            logits = self.logits(images, mask, lender)  # (B,K,V)
            losses = self.losses(logits, golden.gather(1, mask.hidden))
        ids = self.sample(golden, logits, mask)
        replaced = (ids != golden).view(-1, *mask.grid)
        losses["replaced_ratio"] = replaced.float().mean()
        return Corrupted(self.paint(ids, images), replaced, losses)

    def golden(self, images: Tensor, token_images: Tensor | None = None) -> Tensor:
        """Return the tokens of the images, ``(B, N)``."""
        views = {} if token_images is None else dict(token_images=token_images)
        return self.tokens(images, **views).squeeze(-1)

    def logits(self, images: Tensor, mask: PatchMask, lender: nn.Module | None = None) -> Tensor:
        """Return the logits of the hidden tokens, ``(B, K, V)``."""
        return self.head(self.encoder(images, mask, lender))

    def losses(self, logits: Tensor, golden: Tensor) -> dict[str, Tensor]:
        """Return the mean cross-entropy over all hidden tokens (Appendix A.3) and their accuracy in percent."""
        if not golden.numel():
            warnings.warn("CIM's mask hides no patch: the generator has nothing to predict", stacklevel=2)
            nothing = sum((p.sum() * 0 for p in self.parameters() if p.requires_grad), logits.new_zeros(()))
            return dict(loss_generator=nothing, token_accuracy=logits.new_zeros(()))
        with full_precision(logits.device.type):
            flat = at_least_fp32(logits.flatten(0, 1))
            accuracy = 100 * (logits.detach().argmax(-1) == golden).float().mean()
            if self.frozen:
                return dict(token_accuracy=accuracy)
            return dict(loss_generator=F.cross_entropy(flat, golden.flatten()), token_accuracy=accuracy)

    @torch.no_grad()
    def sample(self, golden: Tensor, logits: Tensor, mask: PatchMask) -> Tensor:
        """Return the golden tokens ``(B, N)`` with sampled ones in place of the hidden ones."""
        return golden.scatter(1, mask.hidden, sample_tokens(logits, self.sample_mode, self.temperature))

    @torch.no_grad()
    def paint(self, ids: Tensor, like: Tensor) -> Tensor:
        """Return the tokenizer's pictures of tokens ``(B, N)``, normalised and as large as the images ``like``."""
        height, width = like.shape[-2] // self.patch_size[0], like.shape[-1] // self.patch_size[1]
        pixels = self.tokens.tokenizer.decode(ids.view(-1, height, width))
        with full_precision(like.device.type):
            if pixels.shape[-2:] != like.shape[-2:]:
                pixels = F.interpolate(pixels, like.shape[-2:], mode=self.upsample)
            return self.color_space.normalise(pixels.clamp(0, 1)).to(like.dtype)

    def init_weights(self) -> None:
        """Read the weights of the tokenizer and, if there is a ``checkpoint``, of the generator."""
        self.tokens.tokenizer.init_weights()
        if self.checkpoint is not None:
            load_generator(self, self.checkpoint)


PREFIXES = (("generator.encoder.", "generator.head."), ("backbone.", "neck.layers.0."))  # in runs of CIM, and of BEiT


def load_generator(generator: TokenGenerator, checkpoint: str) -> None:
    """Load the weights of the small BEiT and its head from a run of CIM or of BEiT; none may be missing.

    Raises:
        UsageError: no such file, or it cannot be read.
        WeightsError: its parameters do not fit.
    """
    from mmmim.checkpoint.foreign import read_source

    state = read_source(checkpoint).state
    for names in PREFIXES:
        if not any(key.startswith(names[1]) for key in state):
            continue
        parts: list[tuple[nn.Module, str]] = list(zip((generator.encoder, generator.head), names, strict=True))
        for part, prefix in parts:
            part.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
        return
    raise WeightsError(
        f"generator.checkpoint={checkpoint!r} holds no generator: expected parameters {PREFIXES[0]} of a CIM run "
        f"without shared layers, or {PREFIXES[1]} of a BEiT run, got e.g. {sorted(state)[:3]}"
    )
