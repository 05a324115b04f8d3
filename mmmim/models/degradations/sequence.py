from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mmmim.errors import UsageError

from ..layers import Noise
from .base import Degradation, Size


def build_degradation(config: dict | list[dict] | None, **known: Any) -> Degradation | None:
    """Return one degradation, or a sequence of those in a list; arguments left open are filled from ``known``."""
    if isinstance(config, (list, tuple)):
        return DegradationSequence([Degradation.build("degradation", _own_name(step), **known) for step in config])
    return None if config is None else Degradation.build("degradation", _own_name(config), **known)


def _own_name(config: dict) -> dict:
    """Return the config with a bare type name as mmmim's, whatever the default scope is."""
    kind = config["type"]
    return {**config, "type": f"mmmim.{kind}"} if isinstance(kind, str) and "." not in kind else config


class DegradationSequence(Degradation):
    """Several degradations in a row; colour changes come first, then geometry and blur."""

    def __init__(self, steps: list[Degradation]) -> None:
        super().__init__()
        if not steps:
            raise UsageError("degradation=[] degrades nothing; set degradation=None")
        self.steps: Any = nn.ModuleList(steps)

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        """Return the parameters of step i as ``<i>.<name>``."""
        params = {}
        for index, step in enumerate(self.steps):
            drawn = step.draw(size, noise)
            params.update({f"{index}.{name}": value for name, value in drawn.items()})
            size = step.output_size(size)
        return params

    def degrade(self, images: Tensor, **params: Tensor) -> Tensor:
        for index, step in enumerate(self.steps):
            own = f"{index}."
            images = step(images, **{name[len(own) :]: v for name, v in params.items() if name.startswith(own)})
        return images

    def output_size(self, size: Size) -> Size:
        for step in self.steps:
            size = step.output_size(size)
        return size

    def clean(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step.clean(images)
        return images
