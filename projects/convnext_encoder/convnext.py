from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from timm.models import convnext
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.models.backbones import StagedEncoder, TimmModel, TransformersModel
from mmmim.models.layers import PatchMask
from mmmim.registry import MODELS

ARCHS: dict[str, dict[str, Any]] = {
    "tiny": dict(depths=(3, 3, 9, 3), dims=(96, 192, 384, 768)),
    "small": dict(depths=(3, 3, 27, 3), dims=(96, 192, 384, 768)),
    "base": dict(depths=(3, 3, 27, 3), dims=(128, 256, 512, 1024)),
    "large": dict(depths=(3, 3, 27, 3), dims=(192, 384, 768, 1536)),
}


TRANSFORMERS = (  # patterns of timm's names, which are those of the encoder, and transformers' names
    (r"^stem\.0\.", "embeddings.patch_embeddings."),
    (r"^stem\.1\.", "embeddings.layernorm."),
    (r"^stages\.(\d+)\.downsample\.", r"encoder.stages.\1.downsampling_layer."),
    (r"^stages\.(\d+)\.blocks\.", r"encoder.stages.\1.layers."),
    (r"\.conv_dw\.", ".dwconv."),
    (r"(layers\.\d+)\.norm\.", r"\1.layernorm."),
    (r"\.mlp\.fc([12])\.", r".pwconv\1."),
    (r"\.gamma$", ".layer_scale_parameter"),
)


@MODELS.register_module()
class ConvNeXt(StagedEncoder):
    """ConvNeXt (`Liu et al., 2022`): timm's stem and stages, with a mask token in hidden cells of the stem's map.

    A cell of the stem sees its own 4 x 4 pixels only, so nothing of a hidden one leaks.

    Args:
        arch: A name of :data:`ARCHS` or ``dict(depths, dims)``, an entry per stage.
        img_size: Pixels, ``int`` or ``(H, W)``.
        mask_mode: ``replace``, or None for downstream use: no mask token.
        out_type: Cells ``raw (B, h*w, D)``, map ``featmap (B, D, h, w)`` or mean ``avg (B, D)``.
        out_indices: 0-based stages whose output is returned.
        frozen_stages: -1 freezes nothing, k the stem and the first k stages, 4 the whole encoder, which then runs
            without gradients.
        with_cp: Recompute blocks in the backward pass to save memory.
    """

    def __init__(
        self,
        arch: str | dict = "tiny",
        img_size: int | tuple[int, int] = 224,
        in_channels: int = 3,
        mask_mode: str | None = "replace",
        out_type: str = "raw",
        out_indices: int | Sequence[int] = -1,
        drop_path_rate: float = 0.0,
        frozen_stages: int = -1,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            img_size=img_size,
            patch_size=4,
            in_channels=in_channels,
            mask_mode=mask_mode,
            out_type=out_type,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )
        settings = dict(ARCHS[one_of("arch", arch, ARCHS)] if isinstance(arch, str) else arch)
        self.arch = arch if isinstance(arch, str) else settings
        self.depths, dims = tuple(settings["depths"]), tuple(settings["dims"])
        self.choose_outputs(dims, out_indices)
        model = convnext.ConvNeXt(in_channels, 0, depths=self.depths, dims=dims, drop_path_rate=drop_path_rate)
        self.stem, self.stages = model.stem, model.stages
        self.mask_token = nn.Parameter(torch.zeros(dims[0])) if mask_mode else None
        if self.mask_token is not None:
            nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.freeze(frozen_stages)

    # ---------------------------------------------------------------- what runs

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        cells = self.stem(images)  # (B,C,h,w)
        if mask is None:
            return cells
        token = self.checked_mask_token(mask, self.grid(images))
        return torch.where(mask.mask.unsqueeze(1), token.to(cells.dtype).view(1, -1, 1, 1), cells)

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        x = self.stages[stage].downsample(x)
        for block in self.stages[stage].blocks:
            x = self.run(block, x)
        return x

    def block_list(self) -> list[nn.Module]:
        return [block for stage in self.stages for block in stage.blocks]

    def freezable(self) -> list[list[nn.Module]]:
        return [[self.stem], *([stage] for stage in self.stages)]

    # ---------------------------------------------------------------- what a checkpoint says

    def describe(self) -> dict[str, Any]:
        dims = list(self.stage_dims)
        return dict(super().describe(), embed_dims=dims[-1], depths=list(self.depths), dims=dims)

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        arch = dict(depths=meta["depths"], dims=meta["dims"])
        return dict(super().settings_from(meta, state), arch=arch, mask_mode=None)

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        if pool is not None and not fc_norm:
            raise UsageError("--with-head: timm's ConvNeXt norms the pooled features, this head does not (norm='ln')")
        arguments = dict(in_chans=meta["in_channels"], num_classes=0, depths=meta["depths"], dims=meta["dims"])
        fresh = dict(weight=torch.ones(meta["embed_dims"]), bias=torch.zeros(meta["embed_dims"]))
        weights = dict(state) | {f"head.norm.{name}": value for name, value in fresh.items()}
        named = isinstance(meta["arch"], str) and meta["in_channels"] == 3
        name = f"convnext_{meta['arch']}" if named else None
        return TimmModel(
            "convnext.ConvNeXt",
            arguments,
            weights,
            name,
            head="head.fc",
            fc_norm="head.norm",
            architecture=name or "convnext_tiny",  # which takes the arguments
        )

    @classmethod
    def transformers_model(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> TransformersModel:
        config = dict(num_channels=meta["in_channels"], depths=meta["depths"], hidden_sizes=meta["dims"])
        weights = {_name_of_transformers(name): value for name, value in state.items()}
        weights |= {
            "layernorm.weight": torch.ones(meta["embed_dims"]),
            "layernorm.bias": torch.zeros(meta["embed_dims"]),
        }
        return TransformersModel("ConvNextModel", "convnext", dict(config, drop_path_rate=0.0), weights)


def _name_of_transformers(name: str) -> str:
    for ours, theirs in TRANSFORMERS:
        name = re.sub(ours, theirs, name)
    return name
