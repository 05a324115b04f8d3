"""Load a method's configs and table rows, and build their models without storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmmim.registry import MODELS
from mmmim.reproduce.tables import find_table, load_tables, row_config

CONFIGS = Path(__file__).parents[2] / "configs"


class Shipped:
    """The configs of a method that the repository ships."""

    def __init__(self, method: str) -> None:
        self.method = method

    def load(self, name: str) -> Config:
        """Return a config by the name of its file."""
        init_default_scope("mmmim")
        return Config.fromfile(CONFIGS / self.method / f"{name}.py")

    def row(self, table: str, row: str) -> Config:
        """Return the config of a row of a table."""
        init_default_scope("mmmim")
        return row_config(self.method, find_table(table, load_tables(self.method)).row(row))


def build(config: Config) -> Any:
    """Build the model of a config on the meta device."""
    with torch.device("meta"):
        return MODELS.build(config.model)


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in module.parameters())


def trainable(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def shipped(name: str = "ccmim/vit-tiny_toy.py", **changes: Any) -> Config:
    """Return a shipped config with some of its keys changed."""
    cfg = Config.fromfile(CONFIGS / name)
    cfg.merge_from_dict(changes)
    return cfg
