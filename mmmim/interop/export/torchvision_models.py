"""Exports to torchvision's ResNet: as in ``timm_models``, the printed code is also what builds it here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.interop.encoder import Features, StoredEncoder
from mmmim.models.backbones.resnet_timm import block_class, check_head, check_stem, output_stride_of

from .classifier import Classifier

DILATED = {32: [False, False, False], 16: [False, False, True], 8: [False, True, True]}  # stages 2, 3 and 4


def torchvision_code(encoder: StoredEncoder, file: str | Path, classifier: Classifier | None = None) -> str:
    """Return code that makes ``model`` and loads ``file`` into it; it needs ``torchvision`` and ``torch``.

    Raises:
        UsageError: torchvision has no such model.
    """
    if encoder.kind != "ResNet":
        raise UsageError(f"--to torchvision: only a ResNet has torchvision's parameter names, this is a {encoder.kind}")
    check_stem(encoder.meta, encoder.state, "torchvision")
    check_head("torchvision", classifier is not None and classifier.has_fc_norm)
    meta, settings = encoder.meta, ""
    output_stride, block = output_stride_of(meta), block_class(encoder.state)
    if meta["in_channels"] != 3:
        raise UsageError(
            f"--to torchvision: its ResNet takes 3 channels, this one in_channels={meta['in_channels']}; use --to timm"
        )
    if output_stride != 32:
        if block == "BasicBlock":
            raise UsageError(
                f"--to torchvision: its BasicBlock cannot be dilated (output_stride={output_stride}); use --to timm"
            )
        settings = f"replace_stride_with_dilation={DILATED[output_stride]}"
    if classifier is not None:
        settings = ", ".join(filter(None, (settings, f"num_classes={classifier.num_classes}")))
    if isinstance(meta["arch"], str):
        model = f"{meta['arch']}({settings})"
    else:
        block = f"torchvision.models.resnet.{block}"
        model = f"ResNet({', '.join(filter(None, (block, str(meta['depths']), settings)))})"
    lines = [f"model = torchvision.models.{model}", f"model.load_state_dict(torch.load({str(file)!r}))"]
    if classifier is None:
        lines.insert(1, "model.fc = torch.nn.Identity()")
    return "\n".join(lines)


def build_torchvision(encoder: StoredEncoder, file: Path) -> Features:
    """Return a function from images to token features by torchvision's model with the weights of ``file``."""
    names: dict[str, Any] = dict(torchvision=torchvision, torch=torch)
    exec(torchvision_code(encoder, file), names)
    maps = nn.Sequential(*list(names["model"].children())[:-2]).eval().double()  # without pooling and fc

    def tokens(images: Tensor) -> Tensor:
        return maps(images).flatten(2).transpose(1, 2)

    return tokens
