"""One optimizer group for all parameters of equal settings, and checkpoints of runs that had one for each parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import DefaultOptimWrapperConstructor, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from mmmim.engine.optim.merged_groups import MergedOptimWrapperConstructor, merged
from mmmim.launch.options import load_config
from mmmim.registry import MODELS

ROOT = Path(__file__).parents[3]


def settings_by_parameter(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Any]]:
    keys = ("lr", "weight_decay", "betas", "eps")
    return {id(p): {key: group[key] for key in keys} for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize("name, groups", [("mae/vit-b_800e", 2), ("beyond_masking/vit-b_zoomed-out_300e", 2)])
def test_groups_of_a_config(name: str, groups: int, tmp_path: Path) -> None:
    cfg = load_config(str(ROOT / f"configs/{name}.py"), {}, str(tmp_path))
    with DefaultScope.overwrite_default_scope("mmmim"), torch.device("meta"):
        model = MODELS.build(cfg.model)
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper.copy()).optimizer
        single = DefaultOptimWrapperConstructor(
            dict(optimizer=cfg.optim_wrapper.optimizer), cfg.optim_wrapper.paramwise_cfg
        )(model).optimizer
    assert len(optimizer.param_groups) == groups
    assert settings_by_parameter(optimizer) == settings_by_parameter(single)


def test_a_parameter_in_two_modules_is_in_one_group() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    constructor = MergedOptimWrapperConstructor(
        dict(optimizer=dict(type="SGD", lr=0.1, weight_decay=0.1)), dict(bias_decay_mult=0.0)
    )
    groups = constructor(model).optimizer.param_groups
    assert [[p.ndim for p in group["params"]] for group in groups] == [[2], [1, 1]]


def test_the_order_is_that_of_the_first_parameters() -> None:
    groups = [
        dict(params=[1], lr=2.0),
        dict(params=[2]),
        dict(params=[3], lr=2.0, lr_mult=2.0),
        dict(params=[4], lr=1.0),
    ]
    assert merged(groups, dict(lr=1.0)) == [dict(params=[1, 3], lr=2.0), dict(params=[2, 4], lr=1.0)]
