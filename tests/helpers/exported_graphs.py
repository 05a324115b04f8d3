from __future__ import annotations

from typing import Any

import pytest
import torch


def run_lines(usage: str, images: torch.Tensor) -> torch.Tensor:
    """Run the lines that an export prints."""
    names: dict[str, Any] = dict(torch=torch, images=images)
    if "onnxruntime" in usage:
        import onnxruntime

        names |= dict(onnxruntime=onnxruntime, images=images.numpy())
    exec(usage, names)
    return torch.as_tensor(names.get("features", names.get("logits")))


def need(target: str) -> None:
    if target == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
