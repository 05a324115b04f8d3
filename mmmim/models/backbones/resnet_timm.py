"""timm's model of a ResNet, whose names are torchvision's too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor

from mmmim.errors import UsageError

from .timm_model import Code, TimmModel


def output_stride_of(meta: Mapping[str, Any]) -> int:
    """Return 16 or 8 if the last stages are dilated, else 32."""
    return meta.get("output_stride", 32)


def block_class(state: Mapping[str, Tensor]) -> str:
    """Return the name that timm and torchvision give to the blocks' class."""
    return "Bottleneck" if "layer1.0.conv3.weight" in state else "BasicBlock"


def check_head(target: str, fc_norm: bool) -> None:
    """Raise ``UsageError`` if a head norms the pooled features, which the ResNets of ``target`` cannot do."""
    if fc_norm:
        raise UsageError(f"--with-head: {target}'s ResNet has no norm before its last layer, this head has one")


def check_stem(meta: Mapping[str, Any], state: Mapping[str, Tensor], target: str) -> None:
    """Raise ``UsageError`` if the first convolution is not the 7x7 one with 64 channels that ``target`` has."""
    channels = len(state["conv1.weight"])
    if (meta["stem"], channels) != ("7x7", 64):
        raise UsageError(
            f"--to {target}: the first convolution of {target}'s ResNet is 7x7 with 64 channels, this one is "
            f"{meta['stem']} with {channels} (width={meta['width']}); use --to safetensors"
        )


def resnet(meta: Mapping[str, Any], state: dict[str, Tensor], fc_norm: bool) -> TimmModel:
    """Return timm's ``ResNet`` for a checkpoint's facts and weights.

    Raises:
        UsageError: timm's ResNet has another stem, or no place for the head's norm.
    """
    check_head("timm", fc_norm)
    check_stem(meta, state, "timm")
    block = block_class(state)
    arguments = dict(
        block=Code(f"timm.models.resnet.{block}", getattr(timm.models.resnet, block)),
        layers=tuple(meta["depths"]),
        num_classes=0,
        in_chans=meta["in_channels"],
        output_stride=output_stride_of(meta),
    )
    is_named = isinstance(meta["arch"], str) and (meta["in_channels"], output_stride_of(meta)) == (3, 32)
    name = meta["arch"] if is_named else None
    similar = name or ("resnet50" if block == "Bottleneck" else "resnet18")
    return TimmModel("resnet.ResNet", arguments, state, name, head="fc", architecture=similar)
