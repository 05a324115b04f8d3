"""Closed-form schedules against the numbers of SimMIM's, ConMIM's and MAE's official code."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS
from tiny_run import train
from torch import nn

from mmmim.config.check import config_problems
from mmmim.launch.lr_scaling import BatchSize, scale_lr
from mmmim.launch.schedule import schedule_of

STEPS = 625  # iterations per epoch of ImageNet at batch 2048
COSINE = dict(type="mmmim.WarmupCosineLR", warmup=10, warmup_lr=4e-6, min_lr=4e-5, end=100, convert_to_iter_based=True)
STEP = dict(type="mmmim.WarmupStepLR", warmup=10, warmup_lr=2e-6, milestones=[700], end=800, convert_to_iter_based=True)
FINE_TUNING = {**COSINE, "warmup": 20, "warmup_lr": 1e-6, "min_lr": 1e-6}


def optimizer_of(*peaks: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([dict(params=[nn.Parameter(torch.zeros(1))], lr=peak) for peak in peaks], lr=1.0)


def build(config: dict[str, Any], optimizer: torch.optim.Optimizer, epoch_length: int = STEPS) -> Any:
    scheduler = PARAM_SCHEDULERS.build(dict(config), default_args=dict(optimizer=optimizer, epoch_length=epoch_length))
    optimizer.step()  # schedulers warn about a step before the optimizer's first
    return scheduler


def rates(config: dict[str, Any], peak: float, steps: int, epoch_length: int = STEPS) -> list[float]:
    optimizer = optimizer_of(peak)
    scheduler = build(config, optimizer, epoch_length)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("config", "peak", "values"),
    [
        (
            COSINE,
            8e-4,
            {0: 4e-6, 3125: 4.02e-4, 6249: 7.9987e-4, 6250: 7.8140e-4, 31250: 4.2e-4, 56250: 5.8599e-5, 62499: 4e-5},
        ),
        (FINE_TUNING, 5e-3, {0: 1e-6, 6250: 2.5005e-3, 12499: 4.9996e-3, 12500: 4.5226e-3, 31250: 2.5005e-3}),
    ],
    ids=["pre-training", "fine-tuning"],
)
def test_cosine_of_simmim(config: dict[str, Any], peak: float, values: dict[int, float]) -> None:
    found = rates(config, peak, 62_500)
    for step, value in values.items():
        assert found[step] == pytest.approx(value, rel=1.5e-5), step  # five digits are given


def test_step_schedule_of_simmim() -> None:
    found = rates(STEP, 4e-4, 500_000)
    assert found[0] == 2e-6
    assert found[3125] == pytest.approx(2.01e-4, rel=1e-12)
    assert set(found[6250:437_500]) == {4e-4}
    assert found[437_500] == found[-1] == pytest.approx(4e-5, rel=1e-12)


def test_two_milestones() -> None:
    config = dict(STEP, milestones=[90, 95], end=100)
    found = rates(config, 8e-4, 100, epoch_length=1)
    assert found[89:96] == pytest.approx([8e-4, *[8e-5] * 5, 8e-6], rel=1e-12)


def test_warm_up_start_and_min_lr_are_the_same_for_all_groups() -> None:
    """As in layer decay; the lowest layer's peak lies below the start of the warm-up."""
    peaks = [5e-3, 5e-3 * 0.9**12, 5e-7]
    optimizer = optimizer_of(*peaks)
    scheduler = build({**FINE_TUNING, "warmup": 2, "end": 10}, optimizer, 5)
    for step in range(50):
        cosine = [1e-6 + (peak - 1e-6) * (1 + math.cos(math.pi * step / 50)) / 2 for peak in peaks]
        expected = [1e-6 + step * (peak - 1e-6) / 10 for peak in peaks] if step < 10 else cosine
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(expected, rel=1e-12), step
        scheduler.step()
    last = [group["lr"] for group in optimizer.param_groups]
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == last  # after its end a scheduler rests


@pytest.mark.parametrize("config", [COSINE, STEP], ids=["cosine", "step"])
@pytest.mark.parametrize("cut", [3, 27, 60, 75])
def test_a_restored_schedule_goes_on_bit_for_bit(config: dict[str, Any], cut: int) -> None:
    config = {**config, "end": 10, "warmup": 2} | ({"milestones": [7, 9]} if config is STEP else {})
    peaks = (8e-4, 1e-4)
    optimizer = optimizer_of(*peaks)
    scheduler = build(config, optimizer, 10)
    seen, saved = [], None
    for step in range(100):
        seen.append([group["lr"] for group in optimizer.param_groups])
        if step == cut:
            saved = copy.deepcopy((scheduler.state_dict(), optimizer.state_dict()))
        scheduler.step()
    assert saved is not None
    optimizer = optimizer_of(1.0, 1.0)  # another lr in the config does not matter to a resumed run
    scheduler = build(config, optimizer, 10)
    scheduler.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    for step in range(cut, 100):
        assert [group["lr"] for group in optimizer.param_groups] == seen[step]
        scheduler.step()


def test_schedule_of_conmim() -> None:
    """BEiT's: from 0, at the peak in the last step of the warm-up, then half a cosine."""
    config = dict(COSINE, warmup_lr=0.0, min_lr=1e-5, count_from_zero=False, ends_at_peak=True, end=800)
    found = rates(config, 5e-4, 500_000)
    assert found[0] == 0
    assert found[6249] == found[6250] == 5e-4
    assert found[(6250 + 500_000) // 2] == pytest.approx(2.55e-4, rel=1e-12)
    assert found[-1] == pytest.approx(1.0000000005e-5, rel=1e-11)


def test_schedule_of_mae() -> None:
    config = dict(COSINE, warmup=20, warmup_lr=0.0, min_lr=1e-5, count_from_zero=False, end=300)
    found = rates(config, 1.2e-3, 3000, epoch_length=10)
    assert found[:200] == pytest.approx([1.2e-3 * step / 200 for step in range(200)], rel=1e-12)
    half = [1e-5 + (1.2e-3 - 1e-5) * (1 + math.cos(math.pi * step / 2800)) / 2 for step in range(2800)]
    assert found[200:] == pytest.approx(half, rel=1e-12)


def test_by_epoch_by_iteration_and_converted() -> None:
    by_epoch = {key: value for key, value in COSINE.items() if key != "convert_to_iter_based"}
    by_iteration = dict(by_epoch, by_epoch=False, warmup=30, end=300)
    converted = rates(COSINE, 8e-4, 300, epoch_length=3)
    assert rates(by_iteration, 8e-4, 300) == converted
    assert rates(by_epoch, 8e-4, 100) == rates(COSINE, 8e-4, 100, epoch_length=1)
    late = rates(dict(by_iteration, begin=5, end=305), 8e-4, 305)
    assert late == [8e-4] * 5 + converted
    assert len(rates(dict(COSINE, warmup=0.5), 8e-4, 4, epoch_length=4)) == 4  # half an epoch


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(COSINE, warmup=-1), "warmup=-625 must not be negative"),
        (dict(COSINE, warmup_lr=-1e-6), "warmup_lr=-1e-06 must not be negative"),
        (dict(COSINE, min_lr=-1e-6), "min_lr=-1e-06 must not be negative"),
        ({key: COSINE[key] for key in ("type", "warmup")}, "end is missing"),
        (dict(COSINE, by_epoch=False, convert_to_iter_based=False, end=5, begin=5), "end should be larger"),
        (dict(STEP, milestones=[800, 700]), "must increase"),
        (dict(STEP, milestones=[5]), "after the warm-up"),
    ],
)
def test_mistakes_are_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(config, optimizer_of(1.0))


def config_with(scheduler: dict[str, Any]) -> Config:
    return Config(
        dict(
            train_dataloader=dict(batch_size=128, drop_last=True),
            optim_wrapper=dict(optimizer=dict(type="AdamW", lr=2e-4)),
            param_scheduler=scheduler,
            train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=100),
            auto_scale_lr=dict(base_batch_size=512, recipe_batch_size=2048),
        )
    )


def test_absolute_lrs_are_scaled_with_the_peak() -> None:
    cfg = config_with(dict(COSINE, warmup_lr=1e-6, min_lr=1e-5))  # SimMIM's, per 512 images
    scaling = scale_lr(cfg, 16)
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(8e-4, rel=1e-12)
    assert cfg.param_scheduler.warmup_lr == pytest.approx(4e-6, rel=1e-12)
    assert cfg.param_scheduler.min_lr == pytest.approx(4e-5, rel=1e-12)
    assert len(scaling.lines) == 3


def test_the_warm_up_is_reported() -> None:
    for scheduler in (COSINE, dict(STEP, milestones=[90], end=100)):
        cfg = config_with(scheduler)
        assert schedule_of(cfg, 1_281_167, BatchSize(128, 16, 1)).warmup_iterations == 6250
    cfg.param_scheduler = dict(COSINE, by_epoch=False, convert_to_iter_based=False, warmup=1500, end=62_500)
    assert schedule_of(cfg, 1_281_167, BatchSize(128, 16, 1)).warmup_iterations == 1500
    cfg.param_scheduler = dict(COSINE, warmup=0.25)
    assert schedule_of(cfg, 1_281_167, BatchSize(128, 16, 1)).warmup_iterations == 156


def test_configs_are_checked() -> None:
    assert config_problems(config_with(COSINE)) == []
    (problem,) = config_problems(config_with(dict(COSINE, warm_up=3)))
    assert "did you mean 'warmup'" in problem


def test_a_resumed_run_continues_the_schedule(tmp_path: Path) -> None:
    """Through the Runner, stopped in the middle of an epoch within the cosine."""
    scheduler = {**COSINE, "warmup": 1, "warmup_lr": 1e-5, "min_lr": 1e-4, "end": 3}
    changes = dict(
        param_scheduler=[scheduler], default_hooks=dict(checkpoint=dict(interval=4, by_epoch=False, save_last=False))
    )
    straight = train(tmp_path / "straight", **changes)
    train(tmp_path / "cut", **changes, **{"train_cfg.stop_after": 9})
    resumed = train(tmp_path / "cut", **changes, resume=True)
    assert resumed.iter == straight.iter == 18
    (lr,) = resumed.optim_wrapper.get_lr()["lr"]
    assert [lr] == straight.optim_wrapper.get_lr()["lr"]
    assert lr == 1e-4 + (1e-2 - 1e-4) * (1 + math.cos(math.pi * 17 / 18)) / 2  # of the last of 18 steps
