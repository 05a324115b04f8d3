"""Exports the decoder of a pre-training by MAE, with which the encoder predicts hidden patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmmim.checkpoint.names import listing, strip_prefix
from mmmim.errors import UsageError, WeightsError
from mmmim.interop.encoder import Features, StoredEncoder
from mmmim.models.layers import PatchMask, grid_of
from mmmim.models.necks import MAEDecoder
from mmmim.registry import MODELS


class Decoder(NamedTuple):
    """MAE's decoder: its weights, and what they do not show."""

    state: dict[str, Tensor]
    num_heads: int
    mask_ratio: float
    norm_pix: bool

    @property
    def dims(self) -> int:
        """Return its width."""
        return self.state["decoder_embed.weight"].shape[0]

    @property
    def depth(self) -> int:
        """Return the number of its blocks."""
        return len({name.split(".")[1] for name in self.state if name.startswith("decoder_blocks.")})

    @property
    def mlp_dims(self) -> int:
        """Return the hidden width of its blocks."""
        return self.state["decoder_blocks.0.mlp.fc1.weight"].shape[0]


def has_decoder(encoder: StoredEncoder) -> bool:
    """Return whether the checkpoint holds a decoder of MAE's form."""
    return {"neck.decoder_embed.weight", "neck.decoder_blocks.0.mlp.fc1.weight", "neck.decoder_pred.weight"} <= set(
        encoder.others
    )


def read_decoder(encoder: StoredEncoder) -> Decoder:
    """Return the decoder of the checkpoint, with the usual settings where its config says nothing."""
    parts = (encoder.settings.get(name) for name in ("neck", "masker", "target_generator"))
    neck, masker, target = (part if isinstance(part, Mapping) else {} for part in parts)
    heads, ratio = neck.get("num_heads", 16), masker.get("mask_ratio", 0.75)
    state = strip_prefix(dict(encoder.others), "neck.")
    if not isinstance(heads, int) or heads < 1 or state["decoder_embed.weight"].shape[0] % heads:
        raise UsageError(f"--with-head: neck.num_heads={heads!r:.80} does not divide the decoder's width")
    if not isinstance(ratio, (int, float)) or not 0 < ratio < 1:
        raise UsageError(f"--with-head: masker.mask_ratio={ratio!r:.80} is no ratio between 0 and 1")
    found = Decoder(state, heads, float(ratio), target.get("norm_pix", "patch") != "none")
    with torch.device("meta"):
        wanted = {name: value.shape for name, value in _neck(encoder, found).state_dict().items()}
    if wrong := [name for name in wanted | state if name not in state or state[name].shape != wanted.get(name)]:
        raise WeightsError(f"--with-head: the tensors are not those of MAE's decoder: {listing(wrong)}")
    return found


def _neck(encoder: StoredEncoder, decoder: Decoder) -> MAEDecoder:
    return MAEDecoder(
        encoder.meta["embed_dims"],
        decoder.state["decoder_pred.weight"].shape[0],
        grid_of(tuple(encoder.meta["img_size"]), tuple(encoder.meta["patch_size"])),
        decoder.dims,
        decoder.depth,
        decoder.num_heads,
        decoder.mlp_dims / decoder.dims,
        use_mask_token="mask_token" in decoder.state,
    )


def ids_of_mask(encoder: StoredEncoder, batch: int) -> Tensor:
    """Return noise ``(B, N)``, whose smallest values name the patches that a check leaves visible."""
    height, width = grid_of(tuple(encoder.meta["img_size"]), tuple(encoder.meta["patch_size"]))
    return torch.rand(batch, height * width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def build_decoding(encoder: StoredEncoder, decoder: Decoder) -> Features:
    """Return mmmim's predictions ``(B, N, T)`` of all patches under one random mask, in double precision."""
    arguments: dict[str, Any] = dict(encoder.arguments, type=f"mmmim.{encoder.kind}", out_type="raw", mask_mode="drop")
    backbone = MODELS.build(arguments)
    backbone.load_state_dict(encoder.state, strict=False)
    neck = _neck(encoder, decoder)
    neck.load_state_dict(decoder.state)
    backbone.eval().double()
    neck.eval().double()

    def predictions(images: Tensor) -> Tensor:
        ids = ids_of_mask(encoder, images.shape[0]).argsort(dim=1)
        kept = int(ids.shape[1] * (1 - decoder.mask_ratio))
        mask = PatchMask(ids, ids.shape[1] - kept, backbone.grid_size)
        return neck(backbone(images, mask)[-1], mask)

    return predictions
