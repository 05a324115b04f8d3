"""Choose the precision in which a run trains."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import is_cuda_available

from mmmim.errors import UsageError, one_of
from mmmim.launch.lr_scaling import optim_wrappers

PRECISIONS = ("bf16", "fp16", "off")
PLAIN, SCALED, AUTOCAST = "OptimWrapper", "AmpOptimWrapper", "AutocastOptimWrapper"


def use_amp(cfg: Config, amp: str | None) -> None:
    """Choose the precision of the training step: ``bf16``, ``fp16`` or ``off``; None leaves the config's.

    Raises:
        UsageError: There is no such precision, or the config's optimizer wrapper decides its own.
    """
    if amp is not None:
        one_of("--amp", amp, PRECISIONS)
    for name, wrapper in optim_wrappers(cfg):
        kind = str(wrapper.get("type", PLAIN)).rpartition(".")[2]
        if amp is not None and kind not in (PLAIN, SCALED, AUTOCAST):
            where = f"optim_wrapper.{name}".rstrip(".")
            raise UsageError(f"--amp {amp}: {where}.type={kind!r} decides its own precision; set its options instead")
        if amp == "bf16":
            _replace(wrapper, f"mmmim.{AUTOCAST}", dtype="bfloat16")
        elif amp == "fp16":
            _replace(wrapper, SCALED, dtype="float16", loss_scale=wrapper.get("loss_scale", "dynamic"))
        elif amp == "off" and kind == AUTOCAST:
            wrapper["dtype"] = "float32"
        elif amp == "off":
            _replace(wrapper, PLAIN)


def fit_to_device(cfg: Config) -> list[str]:
    """Replace MMEngine's ``AmpOptimWrapper`` by fp32 training on the CPU, where it cannot be built.

    Returns:
        Remarks for the user on what was changed.
    """
    if is_cuda_available():
        return []
    remarks = []
    for name, wrapper in optim_wrappers(cfg):
        if str(wrapper.get("type")).rpartition(".")[2] == SCALED:
            _replace(wrapper, PLAIN)
            where = f"optim_wrapper.{name}".rstrip(".")
            remarks.append(
                f"{where}: {SCALED} needs an accelerator, so this run trains in fp32 (--amp bf16 works here)"
            )
    return remarks


def planned_precision(cfg: Config) -> torch.dtype:
    """Return the precision of the forward pass on the device that the config is meant for."""
    for _, wrapper in optim_wrappers(cfg):
        kind = str(wrapper.get("type")).rpartition(".")[2]
        if kind in (SCALED, AUTOCAST):
            name = wrapper.get("dtype") or ("float16" if kind == SCALED else "bfloat16")
            return getattr(torch, name) if isinstance(name, str) else name
    return torch.float32


def _replace(wrapper: dict[str, Any], kind: str, **settings: Any) -> None:
    for key in ("dtype", "loss_scale", "use_fsdp", "cache_enabled"):
        wrapper.pop(key, None)
    wrapper.update(type=kind, **settings)
