from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import torch
from timm.layers import DropPath
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import uncached_autocast
from .base import EncoderTarget

PASSES_BEFORE_WARNING = 256  # training passes without an update


@MODELS.register_module()
class MomentumEncoder(EncoderTarget):
    """Features of a slow copy of encoder and projector (ConMIM, Section 4, "asymmetric model progress rates").

    After optimizer step t of T, every parameter becomes ``a_t * slow + (1 - a_t) * trained`` with
    ``a_t = end - (end - start) / 2 * (1 + cos(pi t / T))``; the copy keeps its own buffers (batch statistics). It runs
    in training mode as the trained encoder does: its BatchNorm uses its own batch.

    Args:
        dims: Width of the features.
        start, end, schedule: Course of the momentum a; ``constant`` keeps ``start``.
        source: ``momentum``, or ``online``: the trained encoder itself without gradient (Table 6).
        drop_path: Keep drop paths in the slow copy, as the authors' code does.
    """

    _online: tuple[nn.Module, nn.Module]

    def __init__(
        self,
        dims: int = 256,
        start: float = 0.996,
        end: float = 1.0,
        schedule: str = "cosine",
        source: str = "momentum",
        drop_path: bool = True,
    ) -> None:
        super().__init__()
        for name, value in (("start", start), ("end", end)):
            if not 0 <= value <= 1:
                raise UsageError(f"{name}={value}: the momentum must lie between 0 and 1")
        self.dims, self.start, self.end, self.drop_path = dims, start, end, drop_path
        self.schedule = one_of("schedule", schedule, ("cosine", "constant"))
        self.source = one_of("source", source, ("momentum", "online"))
        self.next_momentum = start  # momentum of the next update
        self._passes = 0  # training passes since the last update

    def attach(self, backbone: nn.Module, neck: nn.Module) -> None:
        """Copy the trained parts; the algorithm that owns them calls this once."""
        object.__setattr__(self, "_online", (backbone, neck))  # a reference, not registered as submodules
        if self.source == "online":
            return
        self.backbone: Any = copy.deepcopy(backbone)
        self.neck = copy.deepcopy(neck)
        self.requires_grad_(False)
        if not self.drop_path:
            for module in self.backbone.modules():
                if isinstance(module, DropPath):
                    module.drop_prob = 0.0

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        """Return the features ``(B, n, dims)`` of unmasked images at the patches ``where``, or at all."""
        backbone, neck = self._online if self.source == "online" else (self.backbone, self.neck)
        self._count_pass()
        with uncached_autocast(images.device.type):
            return neck(backbone(images)[-1], None, where)

    def _count_pass(self) -> None:
        self._passes += self.training and self.source == "momentum"
        if self._passes == PASSES_BEFORE_WARNING:
            warnings.warn(
                f"MomentumEncoder: {PASSES_BEFORE_WARNING} training passes without an update; add "
                "default_hooks=dict(momentum=dict(type='MomentumUpdateHook')) to the config",
                stacklevel=2,
            )

    def momentum(self, step: int, total: int) -> float:
        """Return ``a_t`` after optimizer step ``step`` (0-based) of ``total``."""
        if self.schedule == "constant":
            return self.start
        return self.end - (self.end - self.start) / 2 * (1 + math.cos(math.pi * step / total))

    def set_step(self, step: int, total: int) -> None:
        self.next_momentum = self.momentum(step, total)

    @torch.no_grad()
    def update(self) -> None:
        """Move the slow copy towards the trained parts, after the optimizer step that :meth:`set_step` announced."""
        if self.source == "online":
            return
        self._passes = 0
        slow, trained = [*self.backbone.parameters(), *self.neck.parameters()], []
        for part in self._online:
            trained += list(part.parameters())
        torch._foreach_lerp_(slow, [p.detach() for p in trained], 1 - self.next_momentum)
