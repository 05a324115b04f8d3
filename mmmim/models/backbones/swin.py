from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from timm.models.swin_transformer import PatchMerging
from timm.models.swin_transformer import WindowAttention as TimmWindowAttention
from torch import Tensor, nn

from mmmim.registry import MODELS

from ..layers.relative_position import resize_bias_table
from .swin_common import Projection, SwinBlock, SwinEncoder, SwinStage
from .swin_timm import swin_transformer
from .swin_windows import join_heads, split_heads, window_attention
from .timm_model import TimmModel


class WindowAttention(TimmWindowAttention):
    """timm's window attention of Swin on whole maps, with fused kernels where they exist."""

    attn_impl = "auto"
    relative_position_index: Tensor

    def forward(self, project: Projection, mask: Tensor | None) -> Tensor:  # type: ignore[override]
        """Attend inside the windows of the map that ``project`` projects; the mask is ``(nW, N, N)``."""
        area = self.window_area
        qkv = project(self.qkv.weight, self.qkv.bias)  # (B,H,W,3C)
        q, k, v = split_heads(qkv, self.window_size, self.num_heads)  # (B,nW,heads,N,d)
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()].view(area, area, -1)
        bias = bias.permute(2, 0, 1).unsqueeze(0)  # (1,heads,N,N)
        bias = bias if mask is None else bias + mask.unsqueeze(1)
        out = window_attention(q, k, v, bias, self.scale, self.attn_impl)
        return self.proj(join_heads(out, self.window_size, (qkv.shape[1], qkv.shape[2])))


class SwinV1Block(SwinBlock):
    """A pre-norm block of Swin: the norms open the branches."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path1(self.attend(x, self.norm1))
        return x + self.drop_path2(self.mlp(x, self.norm2))


@MODELS.register_module()
class Swin(SwinEncoder):
    """Swin Transformer (`Liu et al., 2021`) as SimMIM pre-trains it: the mask token replaces normed patch tokens.

    Parameters carry timm's names: without the mask token the state dict loads strictly into ``timm``'s
    ``SwinTransformer`` (``num_classes=0``). Relative position tables of another window size are resized on load.

    Args:
        arch: A name of :attr:`archs` or ``dict(embed_dims, depths, num_heads)``, ``embed_dims`` of the first stage.
        img_size: Pixels, ``int`` or ``(H, W)``. Fixes the windows: a stage not larger than ``window_size`` is one
            window without shift. Other inputs must divide into the same windows.
        mask_mode: ``replace``, or None for downstream use: no mask token.
        dynamic_size: Take any input size: maps are padded to whole windows, which keep their size and always shift, as
            in the dense Swins of OpenMMLab; default: only for ``out_type='featmap'``, which dense tasks need.
        out_type: Tokens ``raw (B, h*w, D)``, map ``featmap (B, D, h, w)`` or mean ``avg (B, D)``.
        out_indices: 0-based stages whose output is returned; each has its own norm, ``norm0`` ..., the last ``norm``.
        frozen_stages: -1 freezes nothing, k the stem and the first k stages, the number of stages the whole encoder,
            which then runs without gradients.
        with_cp: Recompute blocks in the backward pass to save memory.
        attn_impl: ``explicit``, ``sdpa`` (PyTorch's fused kernels) or ``auto``: explicit on the CPU.
    """

    archs: ClassVar[dict[str, dict[str, Any]]] = {
        "tiny": dict(embed_dims=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24)),
        "small": dict(embed_dims=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
        "base": dict(embed_dims=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
        "large": dict(embed_dims=192, depths=(2, 2, 18, 2), num_heads=(6, 12, 24, 48)),
    }

    def build_stage(self, stage: int, drop_path: list[float]) -> SwinStage:
        dim, heads, window = self.stage_dims[stage], self.num_heads[stage], self.windows[stage]
        blocks: list[nn.Module] = []
        for index, rate in enumerate(drop_path):
            attn = WindowAttention(dim, heads, window_size=window)
            attn.attn_impl = self.attn_impl
            blocks.append(SwinV1Block(attn, dim, window, self.shifts[stage] if index % 2 else (0, 0), rate))
        return SwinStage(PatchMerging(dim // 2) if stage else nn.Identity(), blocks)

    def init_parameters(self) -> None:
        super().init_parameters()
        for module in self.modules():
            if isinstance(module, WindowAttention):
                nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02)

    def adapt_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        super().adapt_state_dict(state_dict, prefix)
        for name, own in self.named_parameters():
            table = state_dict.get(prefix + name)
            if not name.endswith(".relative_position_bias_table") or table is None:
                continue
            if len(table) != len(own) and table.shape[1:] == own.shape[1:]:
                state_dict[prefix + name] = resize_bias_table(table, self.windows[int(name.split(".")[1])])

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        return swin_transformer(meta, dict(state))
