"""The learning rate of the base schedules against the closed form, through MMEngine's own schedulers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

SCHEDULES = Path(__file__).parents[2] / "configs/_base_/schedules"
PEAK = 6e-4  # 1.5e-4 * 1024 / 256


def learning_rates(name: str, epoch_length: int) -> list[float]:
    cfg = Config.fromfile(SCHEDULES / f"{name}.py")
    wrapper = OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=PEAK))
    schedulers = [
        PARAM_SCHEDULERS.build(dict(scheduler), default_args=dict(optimizer=wrapper, epoch_length=epoch_length))
        for scheduler in cfg.param_scheduler
    ]
    rates = []
    wrapper.step()
    for _ in range(cfg.train_cfg.max_epochs * epoch_length):
        rates.append(wrapper.get_lr()["lr"][0])
        for scheduler in schedulers:
            scheduler.step()
    return rates


@pytest.mark.parametrize("name, epochs", [("adamw_800e", 800), ("adamw_300e", 300)])
def test_warm_up_and_cosine(name: str, epochs: int) -> None:
    length = 25
    rates = learning_rates(name, length)
    warm, total = 40 * length, epochs * length
    for i in (0, 1, warm // 2, warm - 2, warm - 1):
        assert rates[i] == pytest.approx(PEAK * (1e-6 + (1 - 1e-6) * i / (warm - 1)), rel=1e-9), i
    for i in (warm, warm + 1, (warm + total) // 2, total - 1000, total - 2, total - 1):
        assert rates[i] == pytest.approx(PEAK * (1 + math.cos(math.pi * (i - warm) / (total - warm))) / 2, rel=1e-6), i
    assert rates[0] < 1e-8 and rates[-1] < 1e-8
    assert rates[warm - 1] == pytest.approx(PEAK) == rates[warm] == max(rates)  # the seam is flat for one step
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[warm:] == sorted(rates[warm:], reverse=True)


def test_weight_decay_groups() -> None:
    """No decay for 1-D tensors; cls_token and mask_token, which are 3-D, keep it."""
    cfg = Config.fromfile(SCHEDULES / "adamw_800e.py").optim_wrapper
    model = nn.Module()
    model.linear, model.norm = nn.Linear(4, 4), nn.LayerNorm(4)
    model.cls_token, model.mask_token = (nn.Parameter(torch.zeros(1, 1, 4)) for _ in range(2))
    model.scale = nn.Parameter(torch.zeros(4))
    groups = build_optim_wrapper(model, dict(cfg, type="mmmim.AutocastOptimWrapper")).optimizer.param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    decayed = {name for name, p in model.named_parameters() if decay.get(id(p))}
    assert decayed == {"linear.weight", "cls_token", "mask_token"}
    assert set(decay.values()) == {0.0, 0.05}
