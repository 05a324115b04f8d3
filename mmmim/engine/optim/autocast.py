from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import nn
from torch.nn.utils import clip_grad_norm_

from mmmim.errors import UsageError
from mmmim.registry import OPTIM_WRAPPERS

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An optimizer wrapper with bf16 autocast on CPU and CUDA: fp32 weights, no loss scaling, no host sync.

    With a fused optimizer (``optimizer=dict(type='AdamW', fused=True)``) an update whose gradient is not finite changes
    neither weights nor moments; this is decided and counted on the device. Other optimizers cannot skip an update.

    Args:
        dtype: ``'bfloat16'``, or ``'float32'`` for no autocast. float16 needs loss scaling: use MMEngine's
            ``AmpOptimWrapper``.
        cache_enabled: Whether to keep the cast weights for the rest of the step. Passes without gradients inside the
            step must not fill this cache; the models of this package ensure this.
    """

    def __init__(self, dtype: str = "bfloat16", cache_enabled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if dtype not in DTYPES:
            raise UsageError(f"dtype: expected one of {sorted(DTYPES)}, got {dtype!r}; for float16 use AmpOptimWrapper")
        if self._accumulative_counts > 1:  # MMEngine warns at the first micro-step, which has no update
            warnings.filterwarnings("ignore", message=r"Detected call of `scheduler\.step\(\)`")
        device = self.optimizer.param_groups[0]["params"][0].device
        self.device_type = device.type
        if dtype == "bfloat16" and self.device_type == "cuda" and not torch.cuda.is_bf16_supported():
            raise UsageError(f"dtype: {torch.cuda.get_device_name()} has no bfloat16; use dtype='float32'")
        self.dtype = DTYPES[dtype]
        self.cache_enabled = cache_enabled
        self.skips_nonfinite = bool(self.optimizer.defaults.get("fused"))
        self.grad_norm: torch.Tensor | None = None  # norm of the latest update's gradient before clipping
        # Numbers of skipped updates, in all and since the last one that was not skipped; on the device.
        self.skipped: Any = torch.zeros((), device=device)
        self.skipped_in_row: Any = torch.zeros((), device=device)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        autocast = torch.autocast(
            self.device_type, self.dtype, self.dtype != torch.float32, cache_enabled=self.cache_enabled
        )
        with super().optim_context(model), autocast:
            yield

    def step(self, **kwargs: Any) -> None:
        params = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        clips_by_norm = self.clip_grad_kwargs and self.clip_func is clip_grad_norm_
        norm: Any = clip_grad_norm_(params, **(self.clip_grad_kwargs if clips_by_norm else dict(max_norm=inf)))
        # A sharded norm is turned into the norm over all processes.
        self.grad_norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        if self.clip_grad_kwargs and not clips_by_norm:
            self.clip_func(params, **self.clip_grad_kwargs)
        if self.skips_nonfinite:
            skips = (~self.grad_norm.isfinite()).float()
            self.optimizer.found_inf = skips  # type: ignore[attr-defined]
            self.skipped = self.skipped + skips
            self.skipped_in_row = (self.skipped_in_row + 1) * skips
        self.optimizer.step(**kwargs)
