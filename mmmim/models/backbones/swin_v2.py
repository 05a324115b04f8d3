from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from timm.models.swin_transformer_v2 import PatchMerging
from timm.models.swin_transformer_v2 import WindowAttention as TimmWindowAttention
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import Grid, to_pair
from .swin_common import Projection, SwinBlock, SwinEncoder, SwinStage
from .swin_timm import pretrained_windows, swin_transformer_v2
from .swin_windows import join_heads, split_heads, window_attention
from .timm_model import TimmModel


class CosineWindowAttention(TimmWindowAttention):
    """timm's window attention of SwinV2 on whole maps, with fused kernels where they exist."""

    attn_impl = "auto"
    relative_position_index: Tensor
    relative_coords_table: Tensor

    def forward(self, project: Projection, mask: Tensor | None) -> Tensor:  # type: ignore[override]
        """Attend inside the windows of the map that ``project`` projects; the mask is ``(nW, N, N)``."""
        qkv_bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        qkv = project(self.qkv.weight, qkv_bias)  # (B,H,W,3C)
        q, k, v = split_heads(qkv, self.window_size, self.num_heads)  # (B,nW,heads,N,d)
        scale = self.logit_scale.clamp(max=math.log(100)).exp()  # (heads,1,1)
        q, k = F.normalize(q, dim=-1) * scale, F.normalize(k, dim=-1)
        bias = self.position_bias()  # (1,heads,N,N)
        bias = bias if mask is None else bias + mask.unsqueeze(1)
        out = window_attention(q.to(v.dtype), k.to(v.dtype), v, bias, 1.0, self.attn_impl)
        return self.proj(join_heads(out, self.window_size, (qkv.shape[1], qkv.shape[2])))

    def position_bias(self) -> Tensor:
        """Return ``16 sigmoid(MLP(log-spaced offsets))``, one value per offset and head, for all pairs of tokens."""
        area = self.window_size[0] * self.window_size[1]
        table = 16 * torch.sigmoid(self.cpb_mlp(self.relative_coords_table)).flatten(0, 2)  # (offsets,heads)
        return table[self.relative_position_index.flatten()].view(area, area, -1).permute(2, 0, 1).unsqueeze(0)


class SwinV2Block(SwinBlock):
    """A block with residual post-norm: the norms close the branches. ``norm3``, if present, is on the main branch."""

    def __init__(
        self, attn: nn.Module, dim: int, window: Grid, shift: Grid, drop_path: float, extra_norm: bool = False
    ) -> None:
        super().__init__(attn, dim, window, shift, drop_path)
        self.norm3 = nn.LayerNorm(dim) if extra_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path1(self.norm1(self.attend(x)))
        x = x + self.drop_path2(self.norm2(self.mlp(x)))
        return self.norm3(x)


@MODELS.register_module()
class SwinV2(SwinEncoder):
    """Swin Transformer V2 (`Liu et al., 2022`): residual post-norm, cosine attention, log-spaced continuous bias.

    Parameters carry timm's names: without mask token and extra norms the state dict loads strictly into ``timm``'s
    ``SwinTransformerV2`` (``num_classes=0``). Branches start at zero, so at first every block is the identity.
    The other arguments are those of :class:`Swin`.

    Args:
        window_size: Side in tokens; SimMIM uses a sixteenth of the image's pixels: 12 for 192, 14 for 224.
        pretrained_window_sizes: The window of each stage in pre-training, whose offsets the bias network has learnt; 0
            stands for the stage's own window. Fine-tuning after 192 pixels: ``(12, 12, 12, 6)``.
        extra_norm_every_n_blocks: One more norm on the main branch after every n-th block of a stage (6 in SwinV2-H
            and -G); 0: none.
    """

    archs: ClassVar[dict[str, dict[str, Any]]] = {
        "tiny": dict(embed_dims=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24)),
        "small": dict(embed_dims=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
        "base": dict(embed_dims=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
        "large": dict(embed_dims=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48)),
        "huge": dict(embed_dims=352, depths=(2, 2, 18, 2), num_heads=(11, 22, 44, 88), extra_norm_every_n_blocks=6),
        "1b": dict(embed_dims=448, depths=(2, 2, 18, 2), num_heads=(14, 28, 56, 112)),
        "giant": dict(embed_dims=512, depths=(2, 2, 42, 4), num_heads=(16, 32, 64, 128), extra_norm_every_n_blocks=6),
    }

    def __init__(
        self,
        arch: str | dict = "base",
        img_size: int | tuple[int, int] = 192,
        window_size: int | tuple[int, int] = 12,
        *,
        pretrained_window_sizes: Sequence[int] = (0, 0, 0, 0),
        extra_norm_every_n_blocks: int | None = None,
        **options: Any,
    ) -> None:
        self.pretrained_window_sizes = tuple(pretrained_window_sizes)
        self.extra_norm_every_n_blocks = extra_norm_every_n_blocks
        super().__init__(arch, img_size, window_size, **options)

    def build_stage(self, stage: int, drop_path: list[float]) -> SwinStage:
        dim, heads, window = self.stage_dims[stage], self.num_heads[stage], self.windows[stage]
        if len(self.pretrained_window_sizes) != self.num_stages:
            raise UsageError(
                f"pretrained_window_sizes={self.pretrained_window_sizes} needs one entry per stage ({self.num_stages})"
            )
        known = to_pair(self.pretrained_window_sizes[stage])
        blocks: list[nn.Module] = []
        for index, rate in enumerate(drop_path):
            attn = CosineWindowAttention(dim, window, heads, pretrained_window_size=known)
            attn.attn_impl = self.attn_impl
            shift = self.shifts[stage] if index % 2 else (0, 0)
            every = self.extra_norm
            blocks.append(SwinV2Block(attn, dim, window, shift, rate, bool(every) and (index + 1) % every == 0))
        return SwinStage(PatchMerging(dim // 2) if stage else nn.Identity(), blocks)

    @property
    def extra_norm(self) -> int:
        """Return after how many blocks an extra norm follows; 0 means never."""
        given = self.extra_norm_every_n_blocks
        return self.settings.get("extra_norm_every_n_blocks", 0) if given is None else given

    def init_parameters(self) -> None:
        super().init_parameters()
        for module in self.modules():
            if isinstance(module, SwinV2Block):
                for norm in (module.norm1, module.norm2):
                    nn.init.zeros_(norm.weight)
                    nn.init.zeros_(norm.bias)

    def describe(self) -> dict[str, Any]:
        return dict(
            super().describe(),
            pretrained_window_sizes=list(self.pretrained_window_sizes),
            extra_norm_every_n_blocks=self.extra_norm,
        )

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        return dict(
            super().settings_from(meta, state),
            pretrained_window_sizes=pretrained_windows(meta),
            extra_norm_every_n_blocks=meta["extra_norm_every_n_blocks"],
        )

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        return swin_transformer_v2(meta, dict(state))
