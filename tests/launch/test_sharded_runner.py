from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from sharded_run import MODEL

from mmmim.launch.sharded_runner import build_shapes
from mmmim.models.algorithms import MaskedImageModel
from mmmim.registry import MODELS


@MODELS.register_module(force=True)
class KeepsTensorAside(MaskedImageModel):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aside = [torch.arange(3)]


@MODELS.register_module(force=True)
class ReadsValues(MaskedImageModel):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rates = torch.linspace(0, 1, 3).tolist()


@pytest.mark.parametrize("kind", ["KeepsTensorAside", "ReadsValues"])
def test_a_model_that_needs_values_is_built_with_them(kind: str) -> None:
    init_default_scope("mmmim")
    built = build_shapes(dict(MODEL, type=kind))
    assert not any(tensor.is_meta for tensor in (*built.parameters(), *built.buffers()))
