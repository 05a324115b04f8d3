"""ResNet of transformers."""

from __future__ import annotations

import re

from mmmim.interop.encoder import StoredEncoder
from mmmim.models.backbones.resnet_timm import block_class, output_stride_of
from mmmim.models.backbones.transformers_model import TransformersModel

from ..classifier import Classifier
from ..target import Head
from .model import beneath, refuse

PARTS = {"conv": "convolution", "bn": "normalization"}


def resnet(encoder: StoredEncoder, head: Head | None) -> TransformersModel:
    """Return transformers' ResNet of an encoder, alone or with a linear classifier."""
    meta, stem = encoder.meta, len(encoder.state["conv1.weight"])
    if meta["stem"] != "7x7":
        raise refuse(f"its ResNet begins with a 7x7 convolution, this one with {meta['stem']}", "--to safetensors")
    if output_stride_of(meta) != 32:
        raise refuse(f"its ResNet cannot be dilated (output_stride={output_stride_of(meta)})")
    is_bottleneck = block_class(encoder.state) == "Bottleneck"
    config = dict(
        num_channels=meta["in_channels"],
        embedding_size=stem,
        hidden_sizes=[stem * (4 if is_bottleneck else 1) << stage for stage in range(4)],
        depths=list(meta["depths"]),
        layer_type="bottleneck" if is_bottleneck else "basic",
    )
    state = {_name(name): value for name, value in encoder.state.items()}
    if head is None:
        return TransformersModel("ResNetModel", "resnet", config, state)
    assert isinstance(head, Classifier)
    if head.has_fc_norm:
        raise refuse("its ResNet has no norm before its last layer, this head has one", "--to safetensors")
    weight, bias = head.linear()
    state = beneath("resnet.", state) | {"classifier.1.weight": weight, "classifier.1.bias": bias}
    return TransformersModel("ResNetForImageClassification", "resnet", config, state, "AutoModelForImageClassification")


def _name(name: str) -> str:
    if found := re.fullmatch(r"(conv|bn)1\.(\w+)", name):
        return f"embedder.embedder.{PARTS[found[1]]}.{found[2]}"
    found = re.fullmatch(r"layer(\d)\.(\d+)\.(.+)", name)
    assert found, name
    layer, rest = f"encoder.stages.{int(found[1]) - 1}.layers.{found[2]}", found[3]
    if part := re.fullmatch(r"downsample\.([01])\.(\w+)", rest):
        return f"{layer}.shortcut.{list(PARTS.values())[int(part[1])]}.{part[2]}"
    part = re.fullmatch(r"(conv|bn)(\d)\.(\w+)", rest)
    assert part, name
    return f"{layer}.layer.{int(part[2]) - 1}.{PARTS[part[1]]}.{part[3]}"
