"""What the log line and the scalars file say, and that a step does not wait for the device to say it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook, iter_timer_hook
from tiny_run import STEP_LOSSES, losses, tiny_config, train
from torch.utils.data import default_collate

from mmmim.engine.hooks import NonFiniteLossHook
from mmmim.engine.loops import epoch

EVERY_3 = {"default_hooks.logger.interval": 3, "log_level": "INFO"}


def lines(text: str, start: str) -> list[str]:
    return [line.partition("INFO - ")[2] for line in text.splitlines() if f"INFO - {start}" in line]


def scalars(folder: Path) -> list[dict]:
    return [
        json.loads(line)
        for line in next(folder.glob("*/vis_data/scalars.json")).read_text(encoding="utf-8").splitlines()
    ]


class Clock:
    """Stands for the ``time`` module where durations are measured: a batch takes 10 ms, a step 20, its hooks 20."""

    now = 100.0

    @staticmethod
    def time() -> float:
        return Clock.now

    perf_counter = time


def slow_collate(samples: list) -> dict:
    Clock.now += 0.01
    return default_collate(samples)


class SlowStep(Hook):
    priority = "LOWEST"

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        Clock.now += 0.02

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        Clock.now += 0.02


def test_line_by_epoch(tmp_path: Path, capfd, monkeypatch) -> None:
    monkeypatch.setattr(iter_timer_hook, "time", Clock)
    monkeypatch.setattr(epoch, "time", Clock)
    slow_data = {"train_dataloader.collate_fn": dict(type=slow_collate)}
    train(tmp_path, custom_hooks=[STEP_LOSSES, dict(type=SlowStep)], **EVERY_3, **slow_data)
    logged = lines(capfd.readouterr().out, "Epoch(train)")
    assert len(logged) == 6
    assert re.match(
        r"Epoch\(train\) \[2\]\[3/6\]  50\.00%  images/s: [\d.]+  data_wait: [\d.]+%  lr: 9\.\d+e-03  eta: [\d:]+  "
        r"time: [\d.]+  data_time: [\d.]+  loss: 0\.\d+  loss_rec: 0\.\d+  hidden_share: 0\.\d+  grad_norm: [\d.]+$",
        logged[2],
    ), logged[2]
    first, last = scalars(tmp_path)[0], scalars(tmp_path)[-1]
    assert first["iter"] == 3 and last["iter"] == 18
    assert first["loss"] == pytest.approx(sum(row["loss"] for row in losses(tmp_path)[:3]) / 3, rel=1e-6)
    assert last["loss"] == pytest.approx(sum(row["loss"] for row in losses(tmp_path)) / 18, rel=1e-6)
    for row in scalars(tmp_path):
        assert row["images_per_second"] == pytest.approx(4 / row["time"], rel=1e-6)
        assert row["data_wait"] == pytest.approx(100 * row["data_time"] / row["time"], rel=1e-6)
        assert row["data_time"] == pytest.approx(0.01)  # time in hooks is not waiting for data
    # MMEngine's mean begins with the epoch, whose first step follows nobody's hooks.
    assert [first["time"], last["time"]] == pytest.approx([(0.03 + 2 * 0.05) / 3, (0.03 + 5 * 0.05) / 6])


def test_line_by_iteration(tmp_path: Path, capfd) -> None:
    by_iter = {"log_processor.by_epoch": False, "train_dataloader.sampler.type": "InfiniteEpochSampler"}
    loop = dict(_delete_=True, by_epoch=False, max_iters=12)
    train(tmp_path, train_cfg=loop, param_scheduler=None, **EVERY_3, **by_iter)
    logged = lines(capfd.readouterr().out, "Iter(train)")
    assert [re.match(r"Iter\(train\) \[ ?(\d+)/12\]  ([\d.]+)%  images/s: ", line).groups() for line in logged] == [
        ("3", "25.00"), ("6", "50.00"), ("9", "75.00"), ("12", "100.00")
    ]  # fmt: skip


def test_validation_has_its_speed(tmp_path: Path, capfd) -> None:
    from mmengine.evaluator import BaseMetric

    class Count(BaseMetric):
        def process(self, data_batch, data_samples):
            self.results.append(len(data_samples))

        def compute_metrics(self, results):
            return dict(batches=len(results))

    loader = dict(tiny_config(tmp_path).train_dataloader)
    train(
        tmp_path,
        val_dataloader=dict(loader, sampler=dict(type="EpochSampler", shuffle=False)),
        val_cfg=dict(),
        val_evaluator=dict(type=Count),
        **EVERY_3,
        **{"train_cfg.max_epochs": 1},
    )
    said = capfd.readouterr().out
    assert re.match(r"Epoch\(val\) \[1\]\[3/6\]  images/s: [\d.]+  data_wait: [\d.]+%  ", lines(said, "Epoch(val)")[0])
    assert re.search(r"batches: 6 .*images/s: [\d.]+  data_wait: [\d.]+%", lines(said, "Epoch(val)")[-1])
    assert scalars(tmp_path)[-1]["images_per_second"] > 0


def test_losses_stay_on_the_device_between_lines(tmp_path: Path, monkeypatch) -> None:
    """Reading a tensor on the host is counted: once per line of the log and per look for NaN, not per step."""
    monkeypatch.setattr(NonFiniteLossHook, "every_step_on_cpu", False)
    reads = []
    for name in ("item", "tolist", "__float__", "__bool__"):
        original = getattr(torch.Tensor, name)

        def counted(self, original=original):
            reads.append(original)
            return original(self)

        monkeypatch.setattr(torch.Tensor, name, counted)
    quiet = {"custom_hooks": [], "train_cfg.stop_after": 4, "default_hooks.logger.interval": 50}
    cfg = {**quiet, "train_dataloader.dataset.length": 200, "model.records": False}
    train(tmp_path / "a", **cfg)
    of_a_short_run = len(reads)
    train(tmp_path / "b", **{**cfg, "train_cfg.stop_after": 44})
    assert len(reads) - of_a_short_run == of_a_short_run


def test_other_log_processor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"log_processor: .* needs .*mmmim.ThroughputLogProcessor.* got LogProcessor"):
        train(tmp_path, log_processor=dict(_delete_=True, type="LogProcessor"))
