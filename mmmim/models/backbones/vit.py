from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm, PatchEmbed, calculate_drop_path_rates
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import (
    FIXED_POSITIONS,
    LeanBlock,
    PatchMask,
    block_with_cls_logits,
    cls_logits,
    patchify,
    resize_pos_embed,
    take,
    to_pair,
)
from ..layers.init import xavier_linear_
from .plain_vit import PlainViT
from .timm_model import TimmModel
from .vit_loading import adapt_vit_state_dict
from .vit_timm import vision_transformer


@MODELS.register_module()
class ViT(PlainViT):
    """Plain pre-norm Vision Transformer (`Dosovitskiy et al., 2021`), with the initialisation and positions of MAE.

    Parameters carry timm's names: the state dict loads strictly into ``timm``'s ``vit_*`` models.

    Args:
        arch: A name of :data:`.plain_vit.ARCHS` or ``dict(embed_dims, depth, num_heads, mlp_ratio=4)``.
        img_size: Pixels, ``int`` or ``(H, W)``; other sizes interpolate any kind of positions as a map.
        pos_embed: ``sincos`` (fixed), ``sincos1d`` (fixed, over the raster index), ``learned`` or ``none``.
        freeze_pos: Keep the position table fixed; default: True unless it is ``learned``.
        mask_mode: What a mask does: ``drop`` encodes the visible tokens only, ``replace`` puts a mask token
            in the place of hidden ones.
        out_type: Tokens ``raw (B, 1+N, D)``, map ``featmap (B, D, h, w)``, ``cls`` or patch mean ``avg (B, D)``.
        out_indices: 0-based blocks whose output is returned; the final norm is applied to the last block's only.
        frozen_stages: -1 freezes nothing, k the stem and the first k blocks, ``depth`` the whole encoder, which then
            runs without gradients.
        with_cp: Recompute blocks in the backward pass to save memory.
        pretrain_img_size: Image size of the checkpoint, needed only if its grid is neither square nor this model's.
    """

    mask_modes: ClassVar[tuple[str | None, ...]] = ("drop", "replace")

    def __init__(
        self,
        arch: str | dict = "base",
        img_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        pos_embed: str = "sincos",
        freeze_pos: bool | None = None,
        with_cls_token: bool = True,
        mask_mode: str = "drop",
        out_type: str = "raw",
        out_indices: int | list[int] | tuple[int, ...] = -1,
        final_norm: bool = True,
        drop_path_rate: float = 0.0,
        frozen_stages: int = -1,
        with_cp: bool = False,
        pretrain_img_size: int | tuple[int, int] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            img_size=img_size,
            patch_size=patch_size,
            in_channels=in_channels,
            mask_mode=mask_mode,
            out_type=out_type,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )
        settings = self._choose_arch(arch)
        self.pos_kind = one_of("pos_embed", pos_embed, (*FIXED_POSITIONS, "learned", "none"))
        if out_type == "cls" and not with_cls_token:
            raise UsageError("out_type='cls' needs with_cls_token=True; use out_type='avg'")
        self.out_indices = self._valid_indices("out_indices", out_indices)
        self.pretrain_img_size = None if pretrain_img_size is None else to_pair(pretrain_img_size)
        self.num_prefix = int(with_cls_token)

        self.patch_embed = PatchEmbed(None, self.patch_size, in_channels, self.embed_dims)  # type: ignore[arg-type]  # pairs are fine
        self.cls_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims)) if with_cls_token else None
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims)) if mask_mode == "replace" else None
        self.pos_embed = self._build_pos_embed(freeze_pos)
        rates: Any = calculate_drop_path_rates(drop_path_rate, self.depth)
        self.blocks = nn.ModuleList(
            LeanBlock(self.embed_dims, self.num_heads, settings.get("mlp_ratio", 4.0), rate) for rate in rates
        )
        self.norm = LayerNorm(self.embed_dims) if final_norm else nn.Identity()
        self.pretrain_only = ("mask_token",) if final_norm else ("mask_token", "norm.*")

        self._init_parameters()
        self.freeze(frozen_stages)

    # ---------------------------------------------------------------- building

    def _build_pos_embed(self, freeze_pos: bool | None) -> nn.Parameter | None:
        if self.pos_kind == "none":
            return None
        fixed = self.pos_kind in FIXED_POSITIONS
        if fixed:
            table = FIXED_POSITIONS[self.pos_kind](self.grid_size, self.embed_dims, self.num_prefix)
        else:
            rows = self.num_prefix + self.grid_size[0] * self.grid_size[1]
            table = nn.init.trunc_normal_(torch.empty(1, rows, self.embed_dims), std=0.02)
        frozen = fixed if freeze_pos is None else freeze_pos
        return nn.Parameter(table, requires_grad=not frozen)

    def _init_parameters(self) -> None:
        xavier_linear_(self)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.flatten(1))  # a view, so this fills the convolution
        for token in (self.cls_token, self.mask_token):
            if token is not None:
                nn.init.normal_(token, std=0.02)

    def adapt_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        super().adapt_state_dict(state_dict, prefix)
        adapt_vit_state_dict(self, state_dict, prefix)

    # ---------------------------------------------------------------- encoding

    def _positions(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the positions on a grid, of prefix (1,P,D) and patches (1,N,D); without positions, broadcast zeros."""
        if self.pos_embed is None:
            zero = self.patch_embed.proj.weight.new_zeros(1, 1, self.embed_dims)
            return zero, zero
        table = resize_pos_embed(self.pos_embed, self.grid_size, grid, self.num_prefix)
        return table[:, : self.num_prefix], table[:, self.num_prefix :]

    def embed(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        """Return patch tokens with positions ``(B, N, D)``; with ids ``where (B, n)``, of those patches only."""
        self.check_channels(images)
        _, positions = self._positions(self.grid(images))
        if where is None:
            return self.patch_embed(images) + positions
        pixels = take(patchify(images, self.patch_size, channels_first=True), where)  # (B,n,C*ph*pw)
        conv = self.patch_embed.proj
        tokens = F.linear(pixels, conv.weight.flatten(1), conv.bias)
        return tokens + take(positions.expand(images.shape[0], -1, -1), where) if self.pos_embed is not None else tokens

    def with_cls(self, tokens: Tensor) -> Tensor:
        """Prepend the class token, with its own position, to any set of patch tokens."""
        if self.cls_token is None:
            return tokens
        prefix, _ = self._positions(self.grid_size)
        return torch.cat([(self.cls_token + prefix).expand(tokens.shape[0], -1, -1).to(tokens.dtype), tokens], dim=1)

    def encode(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Run the blocks on patch tokens ``(B, n, D)`` and return ``(B, 1+n, D)`` of each block in ``out_indices``."""
        x = self.with_cls(tokens)
        outputs = []
        for index, block in enumerate(self.blocks):
            x = self.run(block, x)
            if index in self.out_indices:
                outputs.append(self.norm(x) if index == self.depth - 1 else x)
            if index == self.out_indices[-1]:
                break
        return tuple(outputs)

    def encode_cls(self, tokens: Tensor) -> Tensor:
        """Return the class token ``(B, D)`` of :meth:`encode`'s last block, which computes only this row (exact)."""
        x, last = self.with_cls(tokens), self.out_indices[-1]
        for block in self.blocks[:last]:
            x = block(x)
        row = self.blocks[last](x, lambda t: t[:, :1])  # (B,1,D)
        return (self.norm(row) if last == self.depth - 1 else row)[:, 0]

    def cls_logits(self, tokens: Tensor, layers: tuple[int, ...]) -> list[Tensor]:
        """Return the class query's logits against all keys, ``(B, H, 1+n)`` fp32, for each block in ``layers``.

        Drop path is off. The last of these blocks stops after its keys.
        """
        self._check_cls_logits(layers)
        x, rows = self.with_cls(tokens), []
        with self._without_drop_path():
            for index, block in enumerate(self.blocks[: max(layers) + 1]):
                if index == max(layers):
                    rows.append(cls_logits(block, x))
                elif index in layers:
                    x, row = block_with_cls_logits(block, x)
                    rows.append(row)
                else:
                    x = block(x)
        return rows

    def forward(self, images: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """Encode ``images (B, C, H, W)`` and return one output of ``out_type`` per entry of ``out_indices``."""
        with self.graph():
            outputs = self.encode(self._tokens(images, mask))
        if mask is not None and self.mask_mode == "drop":
            return outputs
        return tuple(self._format(x, self.grid(images)) for x in outputs)

    def _tokens(self, images: Tensor, mask: PatchMask | None) -> Tensor:
        if mask is None:
            return self.embed(images)
        mask_token = self.checked_mask_token(mask, self.grid(images))
        if mask_token is None:
            return self.embed(images, mask.visible)
        _, positions = self._positions(mask.grid)
        hidden = mask.mask.flatten(1).unsqueeze(-1)  # (B,N,1)
        tokens = self.patch_embed(images)
        return torch.where(hidden, mask_token.to(tokens.dtype), tokens) + positions

    # ---------------------------------------------------------------- from a checkpoint

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        return dict(super().settings_from(meta, state), with_cls_token=meta["with_cls_token"])

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        return vision_transformer(meta, dict(state), pool, fc_norm)
