from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from changed_run import longer, run
from tiny_run import train

from mmmim.errors import UsageError

SAVING = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 4}
LR, DECAY = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
CHAINED = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=5, by_epoch=False),
    dict(type="StepLR", step_size=1, gamma=0.5, by_epoch=True),
    dict(type="MultiStepLR", milestones=[7, 9], gamma=0.5, by_epoch=False),
]
STEEPER = [CHAINED[0], dict(CHAINED[1], gamma=0.1), CHAINED[2]]
GROUPS = dict(custom_keys={"decoder": dict(lr_mult=0.1), "encoder": dict(decay_mult=0.0)})


@pytest.mark.parametrize(
    ("before", "changes", "told"),
    [
        ({}, {LR: 1e-3}, "optimizer.lr: 0.01 -> 0.001"),
        ({}, {DECAY: 0.3}, "optimizer.weight_decay: 0.05 -> 0.3"),
        ({}, {"optim_wrapper.optimizer.betas": (0.8, 0.9)}, "optimizer.betas: (0.9, 0.95) -> (0.8, 0.9)"),
        ({}, {"param_scheduler.0.end": 2, "param_scheduler.1.begin": 2}, "param_scheduler.0.end: 6 -> 12"),
        ({}, longer(4), "param_scheduler.1.T_max: 12 -> 18"),
        ({}, {"param_scheduler": []}, "param_scheduler: 2 -> 0 schedules"),
        ({"param_scheduler": []}, {"param_scheduler": CHAINED}, "param_scheduler: 0 -> 3 schedules"),
        ({"param_scheduler": CHAINED}, {LR: 3e-3}, "optimizer.lr: 0.01 -> 0.003"),
        ({"param_scheduler": CHAINED}, {"param_scheduler": STEEPER}, "param_scheduler.1.gamma: 0.5 -> 0.1"),
        ({"optim_wrapper.paramwise_cfg": GROUPS}, {LR: 1e-3}, "optimizer.lr: 0.01 -> 0.001 (and"),
    ],
)
def test_a_changed_setting_takes_effect(
    tmp_path: Path, capfd, before: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    """From the resumed step on, every group is as in a run with the new settings from its start."""
    straight = run(tmp_path / "straight", **{**before, **changes})
    run(tmp_path / "killed", **before, **{"train_cfg.stop_after": 9})
    capfd.readouterr()
    resumed = run(tmp_path / "killed", **{**before, **changes}, resume=True)
    assert resumed == straight[8:] and len(resumed) >= 10
    assert f"with another setting, from the next step on: {told}" in capfd.readouterr().out


def test_nothing_is_said_without_a_change(tmp_path: Path, capfd) -> None:
    run(tmp_path, param_scheduler=CHAINED, **{"train_cfg.stop_after": 9})
    capfd.readouterr()
    resumed = run(tmp_path, param_scheduler=CHAINED, resume=True)
    said = capfd.readouterr().out
    assert len(resumed) == 10 and "another setting" not in said and "finished" not in said


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        (
            dict(optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, _delete_=True))),
            "another optimizer than SGD, with amsgrad",
        ),
        ({"optim_wrapper.paramwise_cfg": GROUPS}, "1 groups of 6 parameters, the config 2 of 6"),
        ({"model.width": 24}, r"a parameter of \(16, 48\) where the config has \(24, 48\)"),
    ],
)
def test_another_optimizer_is_refused(tmp_path: Path, changes: dict[str, Any], difference: str) -> None:
    run(tmp_path, **{"train_cfg.stop_after": 4})
    with pytest.raises(UsageError, match=rf"iter_4.pth has .*{difference}.*load_from=.*iter_4.pth"):
        run(tmp_path, **changes, resume=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train_dataloader.dataset.length": 23}, "the data: 22 images -> 23"),
        ({"optim_wrapper.accumulative_counts": 2}, "the batch: 4 images per update -> 8 images per update"),
    ],
)
def test_other_data_or_another_batch_is_refused_unless_told(
    tmp_path: Path, changes: dict[str, Any], told: str, capfd: pytest.CaptureFixture
) -> None:
    run(tmp_path, **{"train_cfg.stop_after": 4})
    with pytest.raises(UsageError, match=rf"{told}.*load_from=.*default_hooks\.resume\.allow_changes=True"):
        run(tmp_path, **changes, resume=True)
    resumed = train(tmp_path, **SAVING, **changes, resume=True, **{"default_hooks.resume.allow_changes": True})
    assert resumed.model.steps[0] == (0, 4)
    said = capfd.readouterr()
    assert f"--resume with other data or another batch: {told}" in said.out + said.err
