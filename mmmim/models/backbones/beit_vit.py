from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from timm.layers import LayerNorm, PatchEmbed, calculate_drop_path_rates
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, resize_pos_embed, sincos_pos_embed, to_pair
from ..layers.relative_position import RESIZE_METHODS
from .beit_blocks import Attention, Block, WindowAttention, init_beit_
from .beit_loading import adapt_beit_state_dict
from .beit_positions import RelativePositions, RelativePositionViT
from .timm_model import TimmModel
from .vit_timm import beit


@MODELS.register_module()
class BEiTViT(RelativePositionViT):
    """Vision Transformer of BEiT (`Bao et al., 2022`), which SimMIM and ConMIM use too.

    It has relative positions, LayerScale and no key bias; other options make it the plain ViT of CIM.

    A hidden patch becomes the mask token before the class token and absolute positions are added. Parameters carry
    timm's names: without the mask token the state dict loads strictly into ``timm``'s ``Beit`` (``num_classes=0``), and
    with ``rel_pos='none', layer_scale=None, qkv_bias='qkv'`` into its ``VisionTransformer``.

    Args:
        arch: A name of :data:`.plain_vit.ARCHS` or ``dict(embed_dims, depth, num_heads, mlp_ratio)``.
        img_size: Pixels, ``int`` or ``(H, W)``; other sizes resize the position tables at run time.
        rel_pos: One bias table ``shared`` by all blocks, one per ``block``, or ``none``. A checkpoint with a shared
            table loads into ``block``: each block starts from a copy. ``decomposed``, with windows only: per block
            vectors for rows and for columns, which queries read (ViTDet); they start from zero.
        rel_pos_resize: How tables become those of another grid or window: one of
            :data:`~mmmim.models.layers.relative_position.RESIZE_METHODS`.
        pos_embed: Absolute positions: ``none``, ``learned``, ``zeros`` (learned from zeros on, for a checkpoint
            that has none) or ``sincos`` (fixed).
        layer_scale: Initial value of LayerScale; None turns it off.
        qkv_bias: Biases of queries and values (``qv``) or of all three (``qkv``).
        mask_mode: ``replace``, or None for downstream use: no mask token.
        window_size: Side of the windows, in tokens, that blocks attend inside (detection at 1024 pixels: 16). There is
            no class token then: ``raw`` is ``(B, N, D)``, and a checkpoint's class token and table rows are dropped.
        global_blocks: 0-based blocks that still attend to all tokens; default: the last of each of four groups.
        out_type: Tokens ``raw (B, 1+N, D)``, map ``featmap (B, D, h, w)``, ``cls`` or patch mean ``avg (B, D)``.
        out_indices: 0-based blocks whose output is returned; the final norm is applied to the last block's only.
        fc_norm: With ``out_type='avg'``, replace the final norm by a new one after the mean (BEiT's fine-tuning).
        frozen_stages: -1 freezes nothing, k the stem and the first k blocks, ``depth`` the whole encoder, which then
            runs without gradients.
        with_cp: Recompute blocks in the backward pass to save memory.
        init: ``simmim`` truncates N(0, 0.02) at one standard deviation, as BEiT, SimMIM, ConMIM and CIM pre-train from
            (real std 0.0108); ``timm`` does not truncate and leaves the patch convolution at PyTorch's default.
        pretrain_img_size: Image size of the checkpoint, needed only if its grid is neither square nor this model's.
    """

    task_norms: ClassVar[tuple[str, ...]] = ("fc_norm.*",)

    def __init__(
        self,
        arch: str | dict = "base",
        img_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        rel_pos: str = "shared",
        rel_pos_resize: str = "geometric",
        pos_embed: str = "none",
        layer_scale: float | None = 0.1,
        qkv_bias: str = "qv",
        mask_mode: str | None = "replace",
        window_size: int | None = None,
        global_blocks: Sequence[int] | None = None,
        out_type: str = "raw",
        out_indices: int | Sequence[int] = -1,
        final_norm: bool = True,
        fc_norm: bool = False,
        drop_path_rate: float = 0.0,
        frozen_stages: int = -1,
        with_cp: bool = False,
        init: str = "simmim",
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
        self.rel_pos = one_of("rel_pos", rel_pos, ("shared", "block", "decomposed", "none"))
        self.rel_pos_resize = one_of("rel_pos_resize", rel_pos_resize, RESIZE_METHODS)
        self.pos_kind = one_of("pos_embed", pos_embed, ("none", "learned", "zeros", "sincos"))
        self.layer_scale = layer_scale
        self.qkv_bias = one_of("qkv_bias", qkv_bias, ("qv", "qkv"))
        if fc_norm and out_type != "avg":
            raise UsageError(f"fc_norm=True norms the mean of the patches, but out_type={out_type!r}; use 'avg'")
        self.out_indices = self._valid_indices("out_indices", out_indices)
        self.window_size, self.num_prefix = window_size, int(window_size is None)
        if rel_pos == "decomposed" and window_size is None:
            raise UsageError("rel_pos='decomposed' has no positions for a class token; set window_size, which drops it")
        self.global_blocks = self._global_blocks(global_blocks)
        self.init = one_of("init", init, ("simmim", "timm"))
        self.pretrain_img_size = None if pretrain_img_size is None else to_pair(pretrain_img_size)

        self.patch_embed = PatchEmbed(None, self.patch_size, in_channels, self.embed_dims)  # type: ignore[arg-type]  # pairs are fine
        self.cls_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims)) if self.num_prefix else None
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims)) if mask_mode else None
        self.pos_embed = self._build_pos_embed()
        rates: Any = calculate_drop_path_rates(drop_path_rate, self.depth)
        self.blocks = nn.ModuleList(
            Block(self._build_attention(index), self.embed_dims, settings.get("mlp_ratio", 4.0), rate, layer_scale)
            for index, rate in enumerate(rates)
        )
        self._build_rel_pos(window_size)
        self.norm = LayerNorm(self.embed_dims) if final_norm and not fc_norm else nn.Identity()
        self.fc_norm = LayerNorm(self.embed_dims) if fc_norm else nn.Identity()
        self.pretrain_only = (
            "mask_token",
            "*.relative_position_index",
            *(("rel_pos_bias.*",) if rel_pos == "block" else ()),
            *(() if self.num_prefix else ("cls_token",)),
            "norm.*" if isinstance(self.norm, nn.Identity) else "fc_norm.*",
        )
        new = {
            "pos_embed": pos_embed in ("zeros", "sincos"),
            "fc_norm.*": fc_norm,
            "*.rel_pos_[hw]": rel_pos == "decomposed",
        }
        self.downstream_only = tuple(name for name, may_be_new in new.items() if may_be_new)

        tokens = (self.cls_token, self.mask_token, self.pos_embed if pos_embed == "learned" else None)
        init_beit_(self, self.blocks, [token for token in tokens if token is not None], init)
        self.freeze(frozen_stages)

    # ---------------------------------------------------------------- building

    def _global_blocks(self, blocks: Sequence[int] | None) -> tuple[int, ...]:
        if self.window_size is None:
            if blocks is not None:
                raise UsageError(f"global_blocks={blocks} without windows; set window_size")
            return tuple(range(self.depth))
        if self.window_size < 1 or self.out_type == "cls":
            reason = "windows have at least one token, and no class token; use out_type='featmap' or 'avg'"
            raise UsageError(f"window_size={self.window_size}, out_type={self.out_type!r}: {reason}")
        ends = [math.ceil(group * self.depth / 4) - 1 for group in (1, 2, 3, 4)]
        chosen = ends if blocks is None else blocks
        return self._valid_indices("global_blocks", chosen) if chosen else ()

    def _build_pos_embed(self) -> nn.Parameter | None:
        if self.pos_kind == "none":
            return None
        table = sincos_pos_embed(self.grid_size, self.embed_dims, self.num_prefix)
        return nn.Parameter(table * (self.pos_kind != "zeros"), requires_grad=self.pos_kind != "sincos")

    def _build_attention(self, index: int) -> Attention:
        if self.window_size is None or index in self.global_blocks:
            return Attention(self.embed_dims, self.num_heads, self.qkv_bias)
        return WindowAttention(self.embed_dims, self.num_heads, self.qkv_bias, self.window_size)

    def freezable(self) -> list[list[nn.Module]]:
        """Return the modules by stage; tables that blocks share are frozen with the first block."""
        stem, first, *others = super().freezable()
        tables = [m for m in self.children() if isinstance(m, RelativePositions)]
        stages = [stem, [*first, *tables], *others]
        stages[-1].append(self.fc_norm)
        return stages

    def adapt_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        super().adapt_state_dict(state_dict, prefix)
        adapt_beit_state_dict(self, state_dict, prefix)

    # ---------------------------------------------------------------- encoding

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        """Return class and patch tokens with absolute positions ``(B, P+N, D)``; hidden patches are mask tokens."""
        self.check_channels(images)
        grid, x = self.grid(images), self.patch_embed(images)
        if mask is not None:
            x = self._hide(x, mask, grid)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        if self.pos_embed is None:
            return x
        return x + resize_pos_embed(self.pos_embed, self.grid_size, grid, self.num_prefix)

    def _hide(self, tokens: Tensor, mask: PatchMask, grid: Grid) -> Tensor:
        mask_token = self.checked_mask_token(mask, grid)
        return torch.where(mask.mask.flatten(1).unsqueeze(-1), mask_token, tokens)

    def encode(self, x: Tensor, grid: Grid) -> tuple[Tensor, ...]:
        """Run the blocks on ``x (B, P+N, D)`` and return the outputs, of the same shape, at ``out_indices``."""
        shared = self._shared_biases(grid)
        outputs = []
        for index, block in enumerate(self.blocks[: self.out_indices[-1] + 1]):
            x = self.run(block, x, shared, grid)
            if index in self.out_indices:
                outputs.append(self.norm(x) if index == self.depth - 1 else x)
        return tuple(outputs)

    def cls_logits(self, x: Tensor, layers: tuple[int, ...], grid: Grid | None = None) -> list[Tensor]:
        """Return the class query's logits against all keys, ``(B, H, 1+N)`` fp32, for each block in ``layers``.

        Position biases are included and drop path is off.

        Args:
            x: Class and patch tokens ``(B, 1+N, D)``.
            layers: 0-based blocks.
            grid: Rows and columns of the patches; default: those of ``img_size``.
        """
        self._check_cls_logits(layers)
        grid, rows = grid or self.grid_size, []
        shared, listed = self._shared_biases(grid), list[Any](self.blocks[: max(layers) + 1])
        with self._without_drop_path():
            for index, block in enumerate(listed):
                if index in layers:
                    rows.append(block.attn.cls_logits(block.norm1(x), self._block_bias(block, shared, grid)))
                if index < max(layers):
                    x = self.run_block(block, x, shared, grid)
        return rows

    def forward(self, images: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """Encode ``images (B, C, H, W)`` and return one output of ``out_type`` per entry of ``out_indices``."""
        with self.graph():
            grid = self.grid(images)
            outputs = [self._format(x, grid) for x in self.encode(self.embed(images, mask), grid)]
            if self.out_indices[-1] == self.depth - 1:
                outputs[-1] = self.fc_norm(outputs[-1])
        return tuple(outputs)

    # ---------------------------------------------------------------- neighbours

    @property
    def lends_blocks(self) -> bool:  # type: ignore[override]
        return self.rel_pos == "none"

    def lends(self) -> dict[str, Any]:
        return dict(embed_dims=self.embed_dims, num_heads=self.num_heads, patch_size=self.patch_size)

    # ---------------------------------------------------------------- from a checkpoint

    def describe(self) -> dict[str, Any]:
        facts = dict(super().describe(), rel_pos=self.rel_pos, layer_scale=self.layer_scale, qkv_bias=self.qkv_bias)
        if self.window_size:
            facts |= dict(window_size=self.window_size, global_blocks=list(self.global_blocks))
        return facts

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        windows = ("window_size", "global_blocks") if "window_size" in meta else ()
        own = {name: meta[name] for name in ("rel_pos", "layer_scale", "qkv_bias", *windows)}
        return dict(super().settings_from(meta, state), **own, mask_mode=None)

    @classmethod
    def architecture(cls, meta: Mapping[str, Any]) -> str:
        """Return ``vit`` where nothing is BEiT's own, ``windowed_vit`` where blocks have windows, else ``beit``."""
        if "window_size" in meta:
            return "windowed_vit"
        is_plain = (meta["rel_pos"], meta["layer_scale"], meta["qkv_bias"]) == ("none", None, "qkv")
        return "vit" if is_plain else "beit"

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        return beit(meta, dict(state), pool, fc_norm)
