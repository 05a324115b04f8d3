"""torchvision's ResNet: as in ``timm_models``, the printed code is what builds it here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.interop.encoder import Encoder, Features

from .classifier import Classifier

DILATED = {32: [False, False, False], 16: [False, False, True], 8: [False, True, True]}  # stages 2, 3 and 4


def torchvision_code(encoder: Encoder, file: str | Path, classifier: Classifier | None = None) -> str:
    """Code that makes ``model`` and loads ``file`` into it; it needs ``torchvision`` and ``torch``.

    Raises:
        UsageError: torchvision has no such model.
    """
    if encoder.kind != "ResNet":
        raise UsageError(f"--to torchvision: only a ResNet has torchvision's parameter names, this is a {encoder.kind}")
    check_stem(encoder, "torchvision")
    meta, settings = encoder.meta, ""
    if meta["in_channels"] != 3:
        raise UsageError(
            f"--to torchvision: its ResNet takes 3 channels, this one in_channels={meta['in_channels']}; use --to timm"
        )
    if encoder.output_stride != 32:
        if encoder.resnet_block == "BasicBlock":
            raise UsageError(
                f"--to torchvision: its BasicBlock cannot be dilated (output_stride={encoder.output_stride}); "
                "use --to timm"
            )
        settings = f"replace_stride_with_dilation={DILATED[encoder.output_stride]}"
    if classifier is not None:
        settings = ", ".join(filter(None, (settings, f"num_classes={classifier.num_classes}")))
    if isinstance(meta["arch"], str):
        model = f"{meta['arch']}({settings})"
    else:
        block = f"torchvision.models.resnet.{encoder.resnet_block}"
        model = f"ResNet({', '.join(filter(None, (block, str(meta['depths']), settings)))})"
    lines = [f"model = torchvision.models.{model}", f"model.load_state_dict(torch.load({str(file)!r}))"]
    if classifier is None:
        lines.insert(1, "model.fc = torch.nn.Identity()")
    return "\n".join(lines)


def check_stem(encoder: Encoder, target: str) -> None:
    stem = encoder.state["conv1.weight"]
    if (encoder.meta["stem"], len(stem)) != ("7x7", 64):
        raise UsageError(
            f"--to {target}: the first convolution of {target}'s ResNet is 7x7 with 64 channels, this one is "
            f"{encoder.meta['stem']} with {len(stem)} (width={encoder.meta['width']}); use --to safetensors"
        )


def build_torchvision(encoder: Encoder, file: Path) -> Features:
    names: dict[str, Any] = dict(torchvision=torchvision, torch=torch)
    exec(torchvision_code(encoder, file), names)
    maps = nn.Sequential(*list(names["model"].children())[:-2]).eval().double()  # without pooling and fc

    def tokens(images: Tensor) -> Tensor:
        return maps(images).flatten(2).transpose(1, 2)

    return tokens
