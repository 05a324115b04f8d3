from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import DropPath, LayerNorm, PatchEmbed, calculate_drop_path_rates
from timm.models import beit
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmmim.checks import one_of
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, grid_of, resize_pos_embed, sincos_pos_embed, to_pair
from ..layers.relative_position import resize_rel_pos_table
from .beit_loading import CLS_ROWS, adapt_beit_state_dict
from .lean_mlp import LeanMlp
from .plain_vit import PlainViT
from .vit import ARCHS, OUT_TYPES


class Attention(beit.Attention):
    """timm's, with the bias of all positions handed in."""

    def __init__(self, dim: int, num_heads: int, qkv_bias: str) -> None:
        super().__init__(dim, num_heads, qkv_bias=qkv_bias == "qv")
        if qkv_bias == "qkv":
            self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor, shared_rel_pos_bias: Tensor | None = None) -> Tensor:  # bias (1,H,n,n)
        parts: Any = (self.q_bias, self.k_bias, self.v_bias)
        bias = self.qkv.bias if self.q_bias is None else torch.cat(parts)
        qkv = F.linear(x, self.qkv.weight, bias).unflatten(-1, (3, self.num_heads, -1))  # (B,n,3,H,d)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B,H,n,d)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=shared_rel_pos_bias)
        return self.proj(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Pre-norm block with LayerScale, in timm's names."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_ratio: float,
        qkv_bias: str,
        drop_path: float,
        layer_scale: float | None,
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm(dim)
        self.attn = Attention(dim, num_heads, qkv_bias)
        self.drop_path1 = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.norm2 = LayerNorm(dim)
        self.mlp = LeanMlp(dim, int(dim * mlp_ratio))
        self.drop_path2 = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.gamma_1 = nn.Parameter(torch.full((dim,), layer_scale)) if layer_scale else None
        self.gamma_2 = nn.Parameter(torch.full((dim,), layer_scale)) if layer_scale else None

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        out = self.attn(self.norm1(x), bias)
        x = x + self.drop_path1(out if self.gamma_1 is None else self.gamma_1 * out)
        out = self.mlp(self.norm2(x))
        return x + self.drop_path2(out if self.gamma_2 is None else self.gamma_2 * out)


class RelativePositions(nn.Module):
    def __init__(self, num_rows: int, num_heads: int) -> None:
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.zeros(num_rows, num_heads))


@MODELS.register_module()
class BEiTViT(PlainViT):
    """Vision Transformer of BEiT (`Bao et al., 2022`), the ViT of SimMIM and ConMIM: relative positions, LayerScale,
    no key bias; with other options the plain ViT of CIM.

    A hidden patch becomes the mask token before the class token and absolute positions join. Parameters carry timm's
    names: without the mask token the state dict loads strictly into ``timm``'s ``Beit`` (``num_classes=0``), and with
    ``rel_pos='none', layer_scale=None, qkv_bias='qkv'`` into its ``VisionTransformer``.

    Args:
        arch: A name of :data:`~mmmim.models.backbones.vit.ARCHS` or ``dict(embed_dims, depth, num_heads, mlp_ratio)``.
        img_size: Pixels, ``int`` or ``(H, W)``; other sizes resize the position tables at run time.
        rel_pos: One bias table ``shared`` by all blocks, one per ``block``, or ``none``. A checkpoint with a shared
            table loads into ``block``: each block starts from a copy.
        pos_embed: Absolute positions: ``none``, ``learned`` or ``sincos`` (fixed).
        layer_scale: Initial value of LayerScale; None turns it off.
        qkv_bias: Biases of queries and values (``qv``) or of all three (``qkv``).
        mask_mode: ``replace``, or None for downstream use: no mask token.
        out_type: Tokens ``raw (B, 1+N, D)``, map ``featmap (B, D, h, w)``, ``cls`` or patch mean ``avg (B, D)``.
        out_indices: 0-based blocks whose output is returned; the final norm is applied to the last block's only.
        fc_norm: With ``out_type='avg'``: no final norm, but a fresh one after the mean (BEiT's fine-tuning).
        frozen_stages: -1 nothing, k the stem and the first k blocks, ``depth`` the whole encoder (runs without graph).
        with_cp: Recompute blocks in the backward pass to save memory.
        init: ``simmim`` truncates N(0, 0.02) at one standard deviation, as BEiT, SimMIM, ConMIM and CIM pre-train from
            (real std 0.0108); ``timm`` does not truncate and leaves the patch convolution at PyTorch's default.
        pretrain_img_size: Image size of the checkpoint, needed only if its grid is neither square nor this model's.
    """

    num_prefix = 1
    relative_position_index: Tensor

    def __init__(
        self,
        arch: str | dict = "base",
        img_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        rel_pos: str = "shared",
        pos_embed: str = "none",
        layer_scale: float | None = 0.1,
        qkv_bias: str = "qv",
        mask_mode: str | None = "replace",
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
        super().__init__(init_cfg)
        settings = dict(ARCHS[one_of("arch", arch, ARCHS)] if isinstance(arch, str) else arch)
        self.arch = arch if isinstance(arch, str) else settings
        self.embed_dims: int = settings["embed_dims"]
        self.depth: int = settings["depth"]
        self.num_heads: int = settings["num_heads"]
        if self.embed_dims % self.num_heads:
            raise ValueError(f"arch: embed_dims={self.embed_dims} is not divisible by num_heads={self.num_heads}")

        self.img_size = to_pair(img_size)
        self.patch_size = self.stride = to_pair(patch_size)
        self.in_channels = in_channels
        self.rel_pos = one_of("rel_pos", rel_pos, ("shared", "block", "none"))
        self.pos_kind = one_of("pos_embed", pos_embed, ("none", "learned", "sincos"))
        self.layer_scale = layer_scale
        self.qkv_bias = one_of("qkv_bias", qkv_bias, ("qv", "qkv"))
        self.mask_mode = one_of("mask_mode", mask_mode, ("replace", None))
        self.out_type = one_of("out_type", out_type, OUT_TYPES)
        if fc_norm and out_type != "avg":
            raise ValueError(f"fc_norm=True norms the mean of the patches, but out_type={out_type!r}; use 'avg'")
        self.out_indices = self._valid_indices(out_indices)
        self.with_cp = with_cp
        self.init = one_of("init", init, ("simmim", "timm"))
        self.pretrain_img_size = None if pretrain_img_size is None else to_pair(pretrain_img_size)
        self.grid_size = grid_of(torch.empty(1, 1, *self.img_size, device="meta"), self.patch_size)

        self.patch_embed = PatchEmbed(None, self.patch_size, in_channels, self.embed_dims)  # type: ignore[arg-type]  # pairs are fine
        self.cls_token: nn.Parameter = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims)) if mask_mode else None
        self.pos_embed = self._build_pos_embed()
        rates: Any = calculate_drop_path_rates(drop_path_rate, self.depth)
        self.blocks = nn.ModuleList(
            Block(self.embed_dims, self.num_heads, settings.get("mlp_ratio", 4.0), qkv_bias, rate, layer_scale)
            for rate in rates
        )
        self._build_rel_pos()
        self.norm = LayerNorm(self.embed_dims) if final_norm and not fc_norm else nn.Identity()
        self.fc_norm = LayerNorm(self.embed_dims) if fc_norm else nn.Identity()
        self.pretrain_only = (
            "mask_token",
            "*.relative_position_index",
            *(("rel_pos_bias.*",) if rel_pos == "block" else ()),
            "norm.*" if isinstance(self.norm, nn.Identity) else "fc_norm.*",
        )
        self.downstream_only = ("fc_norm.*",) if fc_norm else ()

        self._init_parameters()
        self.frozen_stages = frozen_stages
        self._freeze()
        self.register_load_state_dict_pre_hook(adapt_beit_state_dict)

    # ---------------------------------------------------------------- building

    def _valid_indices(self, indices: int | Sequence[int]) -> tuple[int, ...]:
        listed = [indices] if isinstance(indices, int) else list(indices)
        if bad := [i for i in listed if not -self.depth <= i < self.depth]:
            raise ValueError(f"out_indices={bad} out of range for depth {self.depth} (0-based)")
        return tuple(sorted(i % self.depth for i in listed))

    def _build_pos_embed(self) -> nn.Parameter | None:
        if self.pos_kind == "none":
            return None
        table = sincos_pos_embed(self.grid_size, self.embed_dims, self.num_prefix)
        return nn.Parameter(table, requires_grad=self.pos_kind == "learned")

    def _build_rel_pos(self) -> None:
        if self.rel_pos == "none":
            return
        (h, w) = self.grid_size
        num_rows = (2 * h - 1) * (2 * w - 1) + CLS_ROWS
        index = beit.gen_relative_position_index(self.grid_size)
        self.register_buffer("relative_position_index", index, persistent=False)  # one for all blocks
        if self.rel_pos == "shared":
            self.rel_pos_bias = RelativePositions(num_rows, self.num_heads)
        else:
            for module in self.modules():
                if isinstance(module, Attention):
                    module.relative_position_bias_table = nn.Parameter(torch.zeros(num_rows, self.num_heads))

    @torch.no_grad()
    def _init_parameters(self) -> None:
        bound = 0.02 if self.init == "simmim" else 2.0

        def draw(tensor: Tensor) -> None:
            nn.init.trunc_normal_(tensor, std=0.02, a=-bound, b=bound)

        for module in self.modules():
            if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and self.init == "simmim"):
                draw(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for token in (self.cls_token, self.mask_token, self.pos_embed if self.pos_kind == "learned" else None):
            if token is not None:
                draw(token)
        for index in range(self.depth):
            block: Any = self.blocks[index]
            for linear in (block.attn.proj, block.mlp.fc2):
                linear.weight.div_((2 * index + 2) ** 0.5)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        tables = [self.rel_pos_bias] if self.frozen_stages > 0 and self.rel_pos == "shared" else []
        last = [self.norm, self.fc_norm] if self.frozen_stages >= self.depth else []
        return [self.patch_embed, *self.blocks[: self.frozen_stages], *tables, *last]

    # ---------------------------------------------------------------- encoding

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        """Class and patch tokens with absolute positions ``(B, 1+N, D)``, mask tokens for the hidden patches."""
        if images.shape[1] != self.in_channels:
            raise ValueError(f"images have {images.shape[1]} channels, the backbone has in_channels={self.in_channels}")
        grid, tokens = self.grid(images), self.patch_embed(images)
        if mask is not None:
            tokens = self._hide(tokens, mask, grid)
        x = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        if self.pos_embed is None:
            return x
        return x + resize_pos_embed(self.pos_embed, self.grid_size, grid, self.num_prefix)

    def _hide(self, tokens: Tensor, mask: PatchMask, grid: Grid) -> Tensor:
        if self.mask_token is None:
            raise ValueError("a mask needs the mask token; set backbone.mask_mode='replace'")
        if mask.grid != grid:
            raise ValueError(f"mask grid {mask.grid} does not fit the image's patch grid {grid}")
        return torch.where(mask.mask.flatten(1).unsqueeze(-1), self.mask_token, tokens)

    def _bias(self, table: Tensor, grid: Grid) -> Tensor:
        """Bias of all pairs of tokens ``(1, H, 1+N, 1+N)``."""
        index = self.relative_position_index
        if grid != self.grid_size:
            table = resize_rel_pos_table(table, self.grid_size, grid, CLS_ROWS)
            index = beit.gen_relative_position_index(grid, device=table.device)
        return table[index].permute(2, 0, 1).contiguous().unsqueeze(0)

    def _run_block(self, block: Any, x: Tensor, shared: Tensor | None, grid: Grid) -> Tensor:
        if self.rel_pos == "block":
            shared = self._bias(block.attn.relative_position_bias_table, grid)
        return block(x, shared)

    def encode(self, x: Tensor, grid: Grid) -> tuple[Tensor, ...]:
        """Run the blocks on ``x (B, 1+N, D)``; outputs of the same shape of the blocks in ``out_indices``."""
        shared = self._bias(self.rel_pos_bias.relative_position_bias_table, grid) if self.rel_pos == "shared" else None
        outputs = []
        for index, block in enumerate(self.blocks[: self.out_indices[-1] + 1]):
            if self.with_cp and torch.is_grad_enabled() and x.requires_grad:
                x = checkpoint(self._run_block, block, x, shared, grid, use_reentrant=False)
            else:
                x = self._run_block(block, x, shared, grid)
            if index in self.out_indices:
                outputs.append(self.norm(x) if index == self.depth - 1 else x)
        return tuple(outputs)

    def forward(self, images: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """``images (B, C, H, W)`` -> one output of ``out_type`` per entry of ``out_indices``."""
        frozen = self.frozen_stages >= self.depth
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            grid = self.grid(images)
            outputs = [self._format(x, grid) for x in self.encode(self.embed(images, mask), grid)]
            if self.out_indices[-1] == self.depth - 1:
                outputs[-1] = self.fc_norm(outputs[-1])
        return tuple(outputs)

    # ---------------------------------------------------------------- protocols

    def describe(self) -> dict[str, Any]:
        """Plain facts stored in a checkpoint's ``meta['mmmim']``."""
        return dict(
            backbone="BEiTViT",
            arch=self.arch,
            embed_dims=self.embed_dims,
            depth=self.depth,
            num_heads=self.num_heads,
            img_size=list(self.img_size),
            patch_size=list(self.patch_size),
            in_channels=self.in_channels,
            rel_pos=self.rel_pos,
            pos_embed=self.pos_kind,
            layer_scale=self.layer_scale,
            qkv_bias=self.qkv_bias,
            with_cls_token=True,
        )
