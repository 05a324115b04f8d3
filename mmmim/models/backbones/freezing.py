from __future__ import annotations

from typing import Any

from mmengine.model import BaseModule
from torch import nn

from mmmim.errors import UsageError


class FreezableEncoder(BaseModule):
    """An encoder of which ``frozen_stages`` keeps the first stages as they are: without gradient, in eval mode."""

    frozen_stages: int

    @property
    def freezable_stages(self) -> int:
        """``frozen_stages`` may be -1 (nothing), 0 (the stem) up to this number (everything)."""
        raise NotImplementedError

    def _frozen_modules(self) -> list[nn.Module]:
        raise NotImplementedError

    def _frozen_tokens(self) -> list[nn.Parameter | None]:
        """Parameters of no module that are frozen with the stem."""
        return []

    def _freeze(self) -> None:
        if not -1 <= self.frozen_stages <= self.freezable_stages:
            raise UsageError(f"frozen_stages={self.frozen_stages} must lie in -1..{self.freezable_stages}")
        for module in self._frozen_modules():
            module.requires_grad_(False).eval()
        for token in self._frozen_tokens() if self.frozen_stages >= 0 else []:
            if token is not None:
                token.requires_grad = False

    def train(self, mode: bool = True) -> Any:
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self
