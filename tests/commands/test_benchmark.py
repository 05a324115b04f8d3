"""tools/analysis/benchmark.py and what it measures with, without the peer."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmmim.plan.peer import INSTALL, PAIRS
from torch import nn

from mmmim.commands.benchmark import main, parse_args
from mmmim.commands.work import benchmark as work
from mmmim.plan.benchmark import Contender, StepCost, compare, step_cost

ROOT = Path(__file__).parents[2]


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


def test_runners_take_turns(toy) -> None:
    entries: list[str] = []

    def contender(name: str) -> Contender:
        cfg = Config.fromfile(toy(**{"train_cfg.max_epochs": 1, "train_dataloader.batch_size": 2, "work_dir": None}))
        cfg.default_hooks.checkpoint = None
        cfg.work_dir = str(Path(cfg.filename).parent / name)

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


@pytest.mark.parametrize("found", [None, "1.2.0"])
def test_missing_peer_is_named_with_the_command_that_installs_it(monkeypatch, capsys, found: str | None) -> None:
    def version(name: str) -> str:
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(work, "version", version)
    assert main(["simmim_swin-b"]) == 2
    message = capsys.readouterr().err
    assert ("not installed" if found is None else found) in message
    assert "pip install --no-deps onedl-mmpretrain==1.3.6" in message


def test_documentation_gives_the_same_command() -> None:
    assert INSTALL.splitlines()[0] in (ROOT / "docs/benchmark.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAIRS)
def test_our_side_is_the_published_config_in_fp32(name: str, tmp_path: Path) -> None:
    pair, args = PAIRS[name], parse_args([name, "--batch", "3", "--steps", "4", "--warmup", "2"])
    cfg = work.prepare(work.our_config(pair), pair, args, str(tmp_path))
    assert (cfg.optim_wrapper.dtype, cfg.model.backbone.img_size) == ("float32", pair.size)
    assert {"step_seed", "runtime_info", "timer", "nonfinite", "logger"} <= cfg.default_hooks.keys()
    images = work.DATASETS.build(cfg.train_dataloader.dataset)
    assert len(images) == 3 * (4 + 2)
    assert images[0]["inputs"].shape == (3, pair.size, pair.size) and images[0]["inputs"].dtype == torch.uint8
    assert torch.equal(images[6]["inputs"], images[0]["inputs"])  # 2 x 3 distinct pictures


def test_report_divides_ours_by_the_peer(capsys) -> None:
    ours, peer = (
        Contender(name, lambda: None, warmup=1, block=1, threads=1)  # type: ignore[arg-type,return-value]
        for name in ("mmmim", "mmpretrain")
    )
    ours.seconds, ours.cpu_seconds, ours.cost = [3.0, 1.0, 2.0], [1.0], StepCost(6e9, 2e6, 10)
    peer.seconds, peer.cpu_seconds, peer.cost = [4.0, 4.0, 2.0], [2.0], StepCost(8e9, 4e6, 10)
    result = json.loads(json.dumps(work.report((ours, peer))))
    assert result["ratio"] == dict(median_s=0.5, min_s=0.5, cpu_s=0.5, flops=0.75, saved_bytes=0.5, parameters=1.0)
    assert result["mmmim"]["median_s"] == 2.0 and "| 2.000 | 1.000 | 1.000 | 6.000 |" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--steps", "5", "--block", "2"], ["--steps", "0"], ["--warmup", "0"]])
def test_turns_must_fill_the_run(wrong: list[str], capsys) -> None:
    with pytest.raises(SystemExit):
        parse_args(["mae_vit-b", *wrong])
    assert "--steps" in capsys.readouterr().err
