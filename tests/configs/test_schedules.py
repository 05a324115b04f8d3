"""What a schedule leaves to the loop is what the loop has, and what it writes itself says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

from mmmim import compat
from mmmim.launch.lr_scaling import schedulers
from mmmim.launch.run_length import run_length, use_length

ROOT = Path(__file__).parents[2]
compat.setup()


def distinct_schedules() -> dict[str, Config]:
    """One config of each schedule, by its name."""
    found = {}
    for path in sorted((ROOT / "configs").rglob("*.py")):
        if "_base_" not in path.parts and path.name != "tables.py":
            cfg = Config.fromfile(path)
            key = repr((cfg.param_scheduler, cfg.train_cfg, cfg.default_scope))
            found.setdefault(key, (str(path.relative_to(ROOT / "configs")), cfg))
    return dict(found.values())


SCHEDULES = distinct_schedules()


def rates(cfg: Config, epoch_length: int) -> list[float]:
    """lr of each step of the whole run, with the ends that MMEngine's Runner fills in."""
    wrapper = OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0))
    key, length = run_length(cfg)
    iterations = length * epoch_length if key == "max_epochs" else length
    built: list[Any] = []
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for scheduler in schedulers(cfg.param_scheduler):
            end = length if scheduler.get("by_epoch", True) else iterations
            defaults = dict(optimizer=wrapper, epoch_length=epoch_length, end=end)
            built.append(PARAM_SCHEDULERS.build(dict(scheduler), default_args=defaults))
    wrapper.step()
    found = []
    for iteration in range(iterations):
        found.append(wrapper.get_lr()["lr"][0])
        for scheduler in built:
            if not scheduler.by_epoch or (iteration + 1) % epoch_length == 0:
                scheduler.step()
    return found


def written_out(cfg: Config) -> Config:
    """``cfg`` with the end of its last scheduler."""
    cfg = Config(cfg.to_dict())
    *_, last = schedulers(cfg.param_scheduler)
    last["end"] = run_length(cfg)[1]
    return cfg


@pytest.mark.parametrize("name", SCHEDULES)
def test_an_end_that_is_left_out_is_the_run_s(name: str) -> None:
    cfg = SCHEDULES[name]
    if not list(schedulers(cfg.param_scheduler)):
        return
    *_, last = schedulers(cfg.param_scheduler)
    if "end" in last:
        assert last.end == run_length(cfg)[1]
        assert last.get("T_max", last.end - last.get("begin", 0)) == last.end - last.get("begin", 0)
        return
    assert rates(cfg, 3) == rates(written_out(cfg), 3)
    for epochs in (2, 7, run_length(cfg)[1] * 2 + 1):
        left_out, written = Config(cfg.to_dict()), written_out(cfg)
        use_length(left_out, epochs=epochs)
        use_length(written, epochs=epochs)
        assert rates(left_out, 16) == rates(written, 16), epochs


def test_some_schedules_leave_their_end_to_the_run() -> None:
    last = [list(schedulers(cfg.param_scheduler))[-1:] for cfg in SCHEDULES.values()]
    assert sum(bool(each) and "end" not in each[0] for each in last) > 5
