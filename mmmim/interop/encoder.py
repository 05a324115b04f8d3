from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmmim.checkpoint.names import ENCODER_PREFIX, PRETRAIN_ONLY, listing, matching, model_state, strip_prefix
from mmmim.config.text import model_settings
from mmmim.errors import UsageError

Features = Callable[[Tensor], Tensor]  # images (B,C,H,W) -> tokens (B,N,D), a class token first where there is one
# Norms of a task: after the mean of the tokens, and of the maps below the last one.
DOWNSTREAM_ONLY = ("fc_norm.*", "norm[0-9].*")


class Encoder(NamedTuple):
    """Weights under timm's names, and what the checkpoint says about the model they belong to."""

    state: dict[str, Tensor]
    meta: dict[str, Any]
    others: Mapping[str, Tensor] = MappingProxyType({})  # the rest, under full names: mask token, decoder, head
    settings: Mapping[str, Any] = MappingProxyType({})  # of the whole model, as far as its config is known

    @property
    def kind(self) -> str:
        return self.meta["backbone"]

    @property
    def has_norm(self) -> bool:
        return "norm.weight" in self.state

    @property
    def mlp_width(self) -> int:
        return self.state["blocks.0.mlp.fc1.weight"].shape[0]

    @property
    def grid(self) -> tuple[int, int]:
        (height, width), (ph, pw) = self.meta["img_size"], self.meta["patch_size"]
        return height // ph, width // pw

    @property
    def dynamic_size(self) -> bool:
        """Swin: windows keep their size in stages that are smaller."""
        return self.meta.get("dynamic_size", False)

    @property
    def windows(self) -> list[tuple[int, int]]:
        """Swin: the window of each stage."""
        (h, w), (wh, ww), stages = self.grid, self.meta["window_size"], len(self.meta["depths"])
        return [(wh, ww) if self.dynamic_size else (min(wh, h >> s), min(ww, w >> s)) for s in range(stages)]

    @property
    def pretrained_windows(self) -> tuple[int, ...]:
        """SwinV2: the windows whose offsets the bias networks know; 0 stands for a stage's own."""
        return tuple(self.meta.get("pretrained_window_sizes", (0,) * len(self.meta["depths"])))

    @property
    def output_stride(self) -> int:
        """ResNet: 16 and 8 where its last stages are dilated."""
        return self.meta.get("output_stride", 32)

    @property
    def resnet_block(self) -> str:
        """ResNet: the class that timm and torchvision call so."""
        return "Bottleneck" if "layer1.0.conv3.weight" in self.state else "BasicBlock"

    @property
    def has_windows(self) -> bool:
        """A ViT with windows beside global attention, as detectors run it."""
        return self.kind == "BEiTViT" and "window_size" in self.meta

    @property
    def has_absolute_positions_only(self) -> bool:
        """A ViT, or BEiT's without tables of relative positions: LayerScale and biases can be written as a ViT's."""
        return self.kind == "ViT" or (
            self.kind == "BEiTViT" and self.meta["rel_pos"] == "none" and not self.has_windows
        )

    @property
    def is_plain_vit(self) -> bool:
        """Nothing but what timm's and mmpretrain's ``VisionTransformer`` have, under the same names."""
        return self.kind == "ViT" or (
            self.has_absolute_positions_only and (self.meta["layer_scale"], self.meta["qkv_bias"]) == (None, "qkv")
        )


def read_encoder(file: str | Path) -> Encoder:
    """The encoder of a checkpoint written by this project, without what only pre-training or a task uses.

    Raises:
        UsageError: no such file, not a PyTorch file, not written by this project, or an encoder that has no export.
    """
    if not Path(file).is_file():
        raise UsageError(f"{file}: there is no such file")
    try:
        checkpoint = CheckpointLoader.load_checkpoint(str(file), map_location="cpu", logger="silent")
    except Exception as error:  # unpickling anything can raise anything
        raise UsageError(f"{file}: not a PyTorch checkpoint ({type(error).__name__}: {error})") from error
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if not isinstance(meta, dict) or "mmmim" not in meta:
        raise UsageError(
            f"{file}: not a checkpoint of mmmim: meta['mmmim'] is missing, which says how the encoder is built; "
            "give a file that tools/train.py wrote"
        )
    everything = {name: _floats(value) for name, value in model_state(checkpoint).items()}
    state = strip_prefix(everything, ENCODER_PREFIX)
    if not state:
        names = listing(list(everything))
        raise UsageError(f"{file}: no tensor starts with {ENCODER_PREFIX!r}; the file holds {names}")
    if meta["mmmim"].get("backbone") not in SETTINGS:
        known = ", ".join(SETTINGS)
        raise UsageError(f"{file}: only {known} can be exported, this is a {meta['mmmim'].get('backbone')}")
    for name in matching(list(state), (*PRETRAIN_ONLY, *DOWNSTREAM_ONLY)):
        del state[name]
    others = {name: value for name, value in everything.items() if name.removeprefix(ENCODER_PREFIX) not in state}
    settings = meta["mmmim"].get("classifier") or model_settings(meta.get("cfg"))
    return Encoder(state, dict(meta["mmmim"]), others, settings)


def _floats(value: Tensor) -> Tensor:
    return (value.float() if value.is_floating_point() else value).contiguous()


def build_encoder(encoder: Encoder, state: dict[str, Tensor]) -> Features:
    from mmmim.registry import MODELS

    model = MODELS.build(dict(type=f"mmmim.{encoder.kind}", out_type="raw", **SETTINGS[encoder.kind](encoder))).eval()
    model.load_state_dict(state)
    model.double()
    return lambda images: model(images)[-1]


def _sizes(encoder: Encoder, *names: str) -> dict[str, Any]:
    return {name: tuple(encoder.meta[name]) for name in ("img_size", *names)} | {
        "in_channels": encoder.meta["in_channels"]
    }


def _vit(encoder: Encoder) -> dict[str, Any]:
    meta = encoder.meta
    arch = {name: meta[name] for name in ("embed_dims", "depth", "num_heads")}
    return dict(
        _sizes(encoder, "patch_size"),
        arch=dict(arch, mlp_ratio=encoder.mlp_width / meta["embed_dims"]),
        pos_embed=meta["pos_embed"],
        with_cls_token=meta["with_cls_token"],
        final_norm=encoder.has_norm,
    )


def _beit(encoder: Encoder) -> dict[str, Any]:
    settings = dict(_vit(encoder), mask_mode=None)
    del settings["with_cls_token"]
    windows = ("window_size", "global_blocks") if encoder.has_windows else ()
    return settings | {name: encoder.meta[name] for name in ("rel_pos", "layer_scale", "qkv_bias", *windows)}


def _swin(encoder: Encoder) -> dict[str, Any]:
    return dict(
        _sizes(encoder, "patch_size", "window_size"),
        arch={name: encoder.meta[name] for name in ("embed_dims", "depths", "num_heads")},
        dynamic_size=encoder.dynamic_size,
        mask_mode=None,
    )


def _swin_v2(encoder: Encoder) -> dict[str, Any]:
    return dict(
        _swin(encoder),
        pretrained_window_sizes=encoder.pretrained_windows,
        extra_norm_every_n_blocks=encoder.meta["extra_norm_every_n_blocks"],
    )


def _resnet(encoder: Encoder) -> dict[str, Any]:
    meta, arch = encoder.meta, encoder.meta["arch"]
    depth = int(arch.removeprefix("resnet")) if isinstance(arch, str) else arch
    settings = dict(depth=depth, width=meta["width"], stem=meta["stem"], output_stride=encoder.output_stride)
    return dict(_sizes(encoder), **settings, mask_mode=None)


# Arguments of our own classes.
SETTINGS: dict[str, Callable[[Encoder], dict[str, Any]]] = {
    "ViT": _vit,
    "BEiTViT": _beit,
    "Swin": _swin,
    "SwinV2": _swin_v2,
    "ResNet": _resnet,
}
