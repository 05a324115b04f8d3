"""Exports to torchvision's ResNet: builds it, and prints the code that does the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torchvision
from torch import Tensor, nn

from mmmim.checkpoint.reader import read_file
from mmmim.errors import UsageError, one_of
from mmmim.interop.encoder import Features, StoredEncoder
from mmmim.models.backbones.resnet_timm import block_class, check_head, check_stem, output_stride_of

from .classifier import Classifier
from .target import Target
from .timm_models import write_weights

ARCHS = torchvision.models.list_models(torchvision.models, include=("resnet*", "wide_resnet*", "resnext*"))
DILATED = {32: [False, False, False], 16: [False, False, True], 8: [False, True, True]}  # stages 2, 3 and 4


class TorchvisionResNet(NamedTuple):
    """torchvision's ResNet: its name, or the class of its blocks and their numbers, and other arguments."""

    name: str | None
    block: str
    depths: list[int]
    arguments: dict[str, Any]

    def build(self) -> nn.Module:
        """Return the model with random weights."""
        if self.name is not None:
            return getattr(torchvision.models, self.name)(**self.arguments)
        block = getattr(torchvision.models.resnet, self.block)
        return torchvision.models.ResNet(block, self.depths, **self.arguments)

    def code(self) -> str:
        """Return the code that does what :meth:`build` does."""
        stages = [] if self.name is not None else [f"torchvision.models.resnet.{self.block}", str(self.depths)]
        arguments = [*stages, *(f"{key}={value!r}" for key, value in self.arguments.items())]
        return f"torchvision.models.{self.name or 'ResNet'}({', '.join(arguments)})"


def torchvision_model(encoder: StoredEncoder, classifier: Classifier | None = None) -> TorchvisionResNet:
    """Return torchvision's model of an encoder.

    Raises:
        UsageError: torchvision has no such model.
    """
    if encoder.architecture != "resnet":
        raise UsageError(f"--to torchvision: only a ResNet has torchvision's parameter names, this is a {encoder.kind}")
    check_stem(encoder.meta, encoder.state, "torchvision")
    check_head("torchvision", classifier is not None and classifier.has_fc_norm)
    meta, arguments = encoder.meta, dict[str, Any]()
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
        arguments["replace_stride_with_dilation"] = DILATED[output_stride]
    if classifier is not None:
        arguments["num_classes"] = classifier.num_classes
    name = meta["arch"] if isinstance(meta["arch"], str) else None
    if name is not None:
        one_of("--to torchvision: the checkpoint's arch", name, ARCHS)
    return TorchvisionResNet(name, block, list(meta["depths"]), arguments)


def torchvision_code(encoder: StoredEncoder, file: Path, classifier: Classifier | None = None) -> str:
    """Return code that makes ``model`` and loads ``file`` into it; it needs ``torchvision`` and ``torch``.

    Raises:
        UsageError: torchvision has no such model.
    """
    lines = [
        f"model = {torchvision_model(encoder, classifier).code()}",
        f"model.load_state_dict(torch.load({str(file)!r}))",
    ]
    if classifier is None:
        lines.insert(1, "model.fc = torch.nn.Identity()")
    return "\n".join(lines)


def run_torchvision(encoder: StoredEncoder, file: Path, classifier: Classifier | None = None) -> Features:
    """Return what torchvision's model with the weights of ``file`` computes: tokens, or the logits of a classifier."""
    model: Any = torchvision_model(encoder, classifier).build()
    if classifier is None:
        model.fc = nn.Identity()
    model.load_state_dict(read_file(file))
    model.eval().double()
    if classifier is not None:
        return model
    maps = nn.Sequential(*list(model.children())[:-2])  # without pooling and fc

    def tokens(images: Tensor) -> Tensor:
        return maps(images).flatten(2).transpose(1, 2)

    return tokens


TORCHVISION = Target(torchvision_code, write_weights, run_torchvision, ("classifier",))
