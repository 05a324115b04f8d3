"""A method's configs and table rows, built without storage."""

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
    def __init__(self, method: str) -> None:
        self.method = method

    def load(self, name: str) -> Config:
        init_default_scope("mmmim")
        return Config.fromfile(CONFIGS / self.method / f"{name}.py")

    def row(self, table: str, row: str) -> Config:
        init_default_scope("mmmim")
        return row_config(self.method, find_table(table, load_tables(self.method)).row(row))


def build(config: Config) -> Any:
    with torch.device("meta"):
        return MODELS.build(config.model)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
