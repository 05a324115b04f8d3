from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of

from ..contract import Part
from ..layers import at_least_fp32

DTYPES = dict(float32=torch.float32, bfloat16=torch.bfloat16, float16=torch.float16)


class Tokenizer(Part, nn.Module):
    """A frozen image tokenizer: one code out of ``num_codes`` for every ``stride x stride`` pixels, and back.

    Images are RGB in [0, 1]; a subclass converts them to the value range of its network. Weights are read when they are
    first needed (a model can be built, counted and planned without the file) and are never trained. Unless
    ``save_weights``, they do not appear in the state dict: checkpoints stay small, and a resumed run reads the file
    again.

    Subclasses define ``num_codes``, ``stride``, ``encode_logits``, ``decode_codes`` and ``load_weights``.

    Args:
        checkpoint: File with the weights; None has none.
        save_weights: Keep the weights in checkpoints.
        dtype: Precision of the convolutions; the scores of the codes are computed in that of the weights.
        decode_dtype: Precision of decoding; default: ``dtype``.
        chunk: Images per pass.
        allow_random: Work without weights (for tests: random codes mean nothing).
    """

    contract = ("num_codes", "stride", "encode", "decode")

    num_codes: int
    stride: int

    def __init__(
        self,
        checkpoint: str | None = None,
        save_weights: bool = False,
        dtype: str = "float32",
        decode_dtype: str | None = None,
        chunk: int = 64,
        allow_random: bool = False,
    ) -> None:
        super().__init__()
        self.checkpoint, self.save_weights, self.chunk = checkpoint, save_weights, chunk
        self.dtype = DTYPES[one_of("dtype", dtype, DTYPES)]
        self.decode_dtype = DTYPES[one_of("decode_dtype", decode_dtype or dtype, DTYPES)]
        if chunk < 1:
            raise UsageError(f"chunk={chunk} must be at least 1 image")
        self.loaded = allow_random

    # ---------------------------------------------------------------- for subclasses

    def encode_logits(self, images: Tensor) -> Tensor:
        """Return scores of the codes ``(B, num_codes, h, w)``, of images ``(B, 3, H, W)`` in [0, 1].

        The largest score is the code.
        """
        raise NotImplementedError

    def decode_codes(self, ids: Tensor) -> Tensor:
        """Return the images ``(B, 3, H, W)`` in [0, 1] of codes ``(B, h, w)``."""
        raise NotImplementedError

    def load_weights(self) -> None:
        """Read ``checkpoint``, strictly.

        Raises:
            WeightsError: there is no such file, or it is another network's; the message names the file, its source and
                the
                built-in alternative.
        """
        raise NotImplementedError

    # ---------------------------------------------------------------- use

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Return the codes ``(B, h, w)`` int64 of images ``(B, 3, H, W)`` in [0, 1]."""
        if not images.is_floating_point() or images.ndim != 4 or images.shape[1] != 3:
            raise UsageError(
                f"{type(self).__name__}.encode takes RGB images (B, 3, H, W) as floats in [0, 1], got {images.dtype} "
                f"{tuple(images.shape)}; divide uint8 images by 255"
            )
        if any(side % self.stride for side in images.shape[-2:]):
            raise UsageError(
                f"{type(self).__name__} has a code for {self.stride} x {self.stride} pixels and cannot take images of "
                f"{tuple(images.shape[-2:])}; choose multiples of {self.stride}"
            )
        self.init_weights()
        images = images.to(next(self.parameters()).dtype)
        parts = [_in_precision(self.dtype, self.encode_logits, part).argmax(1) for part in images.split(self.chunk)]
        return torch.cat(parts)

    @torch.no_grad()
    def decode(self, ids: Tensor) -> Tensor:
        """Return the images ``(B, 3, H, W)`` in [0, 1] of codes ``(B, h, w)``."""
        self.init_weights()
        parts = [_in_precision(self.decode_dtype, self.decode_codes, part) for part in ids.split(self.chunk)]
        return at_least_fp32(torch.cat(parts))

    def init_weights(self) -> None:
        """Read the weights unless that has been done; the Runner calls this before the first step."""
        if not self.loaded:
            self.load_weights()
            self.loaded = True

    # ---------------------------------------------------------------- frozen

    def train(self, mode: bool = True) -> Tokenizer:
        return super().train(False)

    def freeze(self) -> None:
        """Freeze the tokenizer and register how checkpoints treat it; a subclass calls this last in its constructor."""
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # nn.Module's overloads leave it out
        if not self.save_weights:
            self.register_state_dict_post_hook(_leave_out)
        self.register_load_state_dict_pre_hook(_accept_absence)


def _in_precision(dtype: torch.dtype, function: Any, inputs: Tensor) -> Tensor:
    device, low = inputs.device.type, dtype != torch.float32
    if not torch.amp.is_autocast_available(device):  # the meta device
        return function(inputs)
    with torch.autocast(device, dtype=dtype if low else None, enabled=low, cache_enabled=False):
        return function(inputs)


def _leave_out(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    for key in [key for key in state_dict if key.startswith(prefix)]:
        del state_dict[key]


def _accept_absence(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Keep the tokenizer's own weights if a checkpoint holds none of them; else it has to hold all."""
    if any(key.startswith(prefix) for key in state_dict):
        module.loaded = True  # type: ignore[assignment]  # a Tokenizer
        return
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    state_dict.update({prefix + name: value for name, value in own.items()})
