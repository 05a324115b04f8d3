"""A stand-in for ``mmcv._ext``, the compiled half of mmcv, on torchvision's kernels.

``mmdet.models`` cannot be imported without ``mmcv._ext``, and mmcv's source distribution usually installs
without it. The finder below sits last on ``sys.meta_path``, so a compiled extension always wins. Mask R-CNN
needs three operators; every other name exists, as ``mmcv.ops`` looks them up while importing, and raises
when called.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

import torch
from torch import Tensor

from mmmim.checks import UsageError

MODULE = "mmcv._ext"


class MissingOperatorError(RuntimeError, UsageError):
    """An operator of mmcv that has to be compiled."""


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Kept indices, best first; with ``offset`` 1 a box spans ``x2 - x1 + 1`` pixels."""
    boxes = _at_least_fp32(boxes)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    return torch.ops.torchvision.nms(boxes, scores.to(boxes.dtype), iou_threshold)


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Average RoIAlign of ``input (B,C,H,W)`` at ``rois (K,5)``, written into ``output (K,C,h,w)``."""
    _require_average(pool_mode)
    features = _at_least_fp32(input)
    pooled = torch.ops.torchvision.roi_align(
        features,
        rois.to(features.dtype),
        spatial_scale,
        aligned_height,
        aligned_width,
        _samples(sampling_ratio),
        aligned,
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradient of :func:`roi_align_forward`, written into ``grad_input (B,C,H,W)``."""
    _require_average(pool_mode)
    grad = _at_least_fp32(grad_output)
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(
            grad,
            rois.to(grad.dtype),
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            _samples(sampling_ratio),
            aligned,
        )
    )


def _at_least_fp32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _samples(sampling_ratio: int) -> int:
    return sampling_ratio if sampling_ratio > 0 else -1  # torchvision writes "as many as needed" as -1


def _require_average(pool_mode: int) -> None:
    if pool_mode != 1:
        raise MissingOperatorError(
            "op roi_align with pool_mode='max' needs compiled mmcv: use pool_mode='avg', or " + _FIX
        )


_FIX = "install mmcv with compiled operators (docs/dependencies.md)"
_OPERATORS: tuple[Callable[..., Any], ...] = (nms, roi_align_forward, roi_align_backward)


def _missing_operator(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(f"module {MODULE!r} has no attribute {name!r}")

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        available = ", ".join(op.__name__ for op in _OPERATORS)
        raise MissingOperatorError(f"op {name} needs compiled mmcv: without it only {available} work; {_FIX}")

    return missing


class TorchvisionOpsFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``mmcv._ext`` when nothing before it on ``sys.meta_path`` does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != MODULE:
            return None
        return importlib.machinery.ModuleSpec(MODULE, self, origin="torchvision operators (mmmim.compat)")

    def exec_module(self, module: ModuleType) -> None:
        import torchvision  # noqa: F401  # registers torch.ops.torchvision

        for operator in _OPERATORS:
            setattr(module, operator.__name__, operator)
        module.__getattr__ = _missing_operator  # type: ignore[method-assign]


def install() -> None:
    if not any(isinstance(finder, TorchvisionOpsFinder) for finder in sys.meta_path):
        sys.meta_path.append(TorchvisionOpsFinder())
