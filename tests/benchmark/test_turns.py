"""What the steps of runners cost, and that runners take turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmmim.benchmark.step import StepSettings, our_config, without_data
from mmmim.benchmark.turns import Contender, compare, step_cost

TOY = "mae/vit-tiny_toy.py"


class TwoLayers(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 10, bias=False), nn.Linear(10, 4, bias=False)
        self.register_buffer("scale", torch.ones(4))

    def forward(self, inputs: torch.Tensor, mode: str) -> dict[str, torch.Tensor]:
        return dict(loss=(self.second(self.first(inputs).relu()) * self.scale).mean())


def test_cost_of_a_step_is_counted_by_hand() -> None:
    model, images = TwoLayers(), 5
    cost = step_cost(model, dict(inputs=torch.randn(images, 6)))
    forward = 2 * (6 * 10 + 10 * 4)
    assert cost.flops == forward + forward + 2 * 10 * 4  # weights' gradients; the input itself needs none
    assert cost.saved_bytes == 4 * (6 + 10)  # input, and the activations once; parameters and buffers do not count
    assert cost.parameters == 6 * 10 + 10 * 4
    assert all(parameter.grad is None for parameter in model.parameters())


class Diary(Hook):
    def __init__(self, name: str, entries: list[str]) -> None:
        self.name, self.entries = name, entries

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.entries.append(self.name)


def test_runners_take_turns(tmp_path: Path) -> None:
    entries: list[str] = []

    settings = StepSettings(batch=2, steps=6, warmup=2, block=3, threads=1)

    def contender(name: str) -> Contender:
        cfg = without_data(our_config(TOY, "fp32"), our_config(TOY, "fp32"), settings, str(tmp_path / name))

        def build() -> Runner:
            runner = Runner.from_cfg(cfg)
            runner.register_hook(Diary(name, entries))
            return runner

        return Contender(name, build, warmup=2, block=3, threads=1)

    a, b = contenders = contender("a"), contender("b")
    compare(contenders, rounds=2)
    assert "".join(entries) == "aabb" + "aaabbb" + "bbbaaa"
    for each in contenders:
        assert len(each.seconds) == len(each.cpu_seconds) == 6 and min(each.seconds) > 0
    assert a.cost == b.cost and a.cost is not None and a.cost.flops > 0


def test_an_error_of_a_runner_is_raised_in_its_turn() -> None:
    def build() -> Runner:
        raise ValueError("no such config")

    with pytest.raises(ValueError, match="no such config"):
        compare([Contender("broken", build, warmup=1, block=1, threads=1)], rounds=1)
