"""The shipped fine-tuning and probing recipes."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from mmmim.registry import MODELS

CONFIGS = Path(__file__).parents[2] / "configs"
KINDS = ("ft_*", "ft384_*", "ft96_*", "linear_*", "nonlinear*")
SHIPPED = sorted(
    str(path.relative_to(CONFIGS).with_suffix(""))
    for path in CONFIGS.glob("*/downstream/*.py")
    if any(fnmatch(path.name, kind) for kind in KINDS)
)


def build(cfg: Config) -> nn.Module:
    """Build the model of a recipe on the meta device."""
    with DefaultScope.overwrite_default_scope("mmmim"), torch.device("meta"):
        return MODELS.build(cfg.model)
