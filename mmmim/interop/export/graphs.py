"""Exports graphs that run without mmmim: ONNX and ``torch.export``, for any number of images of one size."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmmim.interop.encoder import Features, StoredEncoder, encoder_model

from .classifier import Classifier, build_classifier
from .extra import need
from .segmentor import build_segmentor
from .target import Head, Target

ONNX_FILE, TORCH_FILE = "model.onnx", "model.pt2"


class Last(nn.Module):
    """The last output of an encoder, tokens ``(B, N, D)``."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(images)[-1]


def network(encoder: StoredEncoder, head: Head | None) -> nn.Module:
    """Return what is exported, in single precision: the encoder alone, a classifier or a segmentation model."""
    if head is None:
        return Last(encoder_model(encoder, encoder.state))
    build: Any = build_classifier if isinstance(head, Classifier) else build_segmentor
    return build(encoder, head).float().eval()


def output_name(head: Head | None) -> str:
    """Return the name of the graph's output."""
    return "features" if head is None else "logits"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep remarks of the exporters about themselves from the user."""
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)


def _program(encoder: StoredEncoder, head: Head | None) -> torch.export.ExportedProgram:
    # Not two images and not the number of channels: a size that occurs twice could be taken for the same.
    images = torch.zeros(7, encoder.meta["in_channels"], *encoder.meta["img_size"])
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    with _quiet(), torch.no_grad():
        model = network(encoder, head).requires_grad_(False)
        return torch.export.export(model, (images,), dynamic_shapes=({0: batch},), strict=False)


def write_torch_export(encoder: StoredEncoder, file: Path, head: Head | None = None) -> None:
    """Write the program that ``torch.export.load`` reads."""
    with _quiet():
        torch.export.save(_program(encoder, head), file)


def run_torch_export(encoder: StoredEncoder, file: Path, head: Head | None = None) -> Features:
    """Return what the program in ``file`` computes."""
    with _quiet():
        return torch.export.load(file).module()


def write_onnx(encoder: StoredEncoder, file: Path, head: Head | None = None) -> None:
    """Write the ONNX file; weights that one file cannot hold lie beside it."""
    need("onnx", "onnx", "onnxscript", "onnxruntime")
    names: Any = dict(input_names=["images"], output_names=[output_name(head)])
    with _quiet(), sdpa_kernel(SDPBackend.MATH):  # fused attention has other strides than its decomposition
        program = torch.onnx.export(_program(encoder, head), dynamo=True, verbose=False, **names)
        assert program is not None
        program.save(file)


def run_onnx(encoder: StoredEncoder, file: Path, head: Head | None = None) -> Features:
    """Return what ONNX Runtime computes on the CPU."""
    (onnxruntime,) = need("onnx", "onnxruntime")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def explain_onnx(encoder: StoredEncoder, file: Path, head: Head | None = None) -> str:
    """Return the code that runs the file."""
    need("onnx", "onnx", "onnxscript", "onnxruntime")
    return (
        f"session = onnxruntime.InferenceSession({str(file)!r})\n"
        f'{output_name(head)} = session.run(None, {{"images": images}})[0]  # {_shapes(encoder, head)}'
    )


def explain_torch_export(encoder: StoredEncoder, file: Path, head: Head | None = None) -> str:
    """Return the code that runs the file."""
    return (
        f"model = torch.export.load({str(file)!r}).module()\n"
        f"{output_name(head)} = model(images)  # {_shapes(encoder, head)}"
    )


def _shapes(encoder: StoredEncoder, head: Any) -> str:
    height, width = encoder.meta["img_size"]
    result = "tokens (B, N, D)"
    if head is not None:
        result = f"(B, {head.num_classes}{'' if isinstance(head, Classifier) else f', {height}, {width}'})"
    return f"float32, normalised (B, {encoder.meta['in_channels']}, {height}, {width}) -> {result}"


HEADS = ("classifier", "segmentor")
ONNX = Target(explain_onnx, write_onnx, run_onnx, HEADS, dtype=torch.float32)
TORCH_EXPORT = Target(explain_torch_export, write_torch_export, run_torch_export, HEADS, dtype=torch.float32)
