"""What a resumed run does otherwise than its checkpoint: changed settings, a missed validation, nothing at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tiny_run import STEP_LOSSES, tiny_config, train

from mmmim.errors import UsageError
from mmmim.registry import HOOKS

SAVING = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 4}
LR, DECAY = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
CHAINED = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=5, by_epoch=False),
    dict(type="StepLR", step_size=1, gamma=0.5, by_epoch=True),
    dict(type="MultiStepLR", milestones=[7, 9], gamma=0.5, by_epoch=False),
]
STEEPER = [CHAINED[0], dict(CHAINED[1], gamma=0.1), CHAINED[2]]
GROUPS = dict(custom_keys={"decoder": dict(lr_mult=0.1), "encoder": dict(decay_mult=0.0)})


@HOOKS.register_module(force=True)
class GroupSettings(Hook):
    """Keeps what every step was taken with."""

    priority = "VERY_HIGH"
    seen: list[list[dict[str, Any]]]

    def before_train(self, runner) -> None:
        GroupSettings.seen = []

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        groups = runner.optim_wrapper.param_groups
        GroupSettings.seen.append([{k: v for k, v in group.items() if k != "params"} for group in groups])


def run(folder: Path, **changes: Any) -> list[list[dict[str, Any]]]:
    train(folder, custom_hooks=[STEP_LOSSES, dict(type="GroupSettings")], **{**SAVING, **changes})
    return GroupSettings.seen


def longer(epochs: int) -> dict[str, Any]:
    return {
        "train_cfg.max_epochs": epochs,
        "param_scheduler.1.T_max": epochs - 1,
        "param_scheduler.1.end": epochs,
    }


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


@pytest.mark.parametrize("content", [dict(state_dict={}), dict(weight=torch.ones(2)), [1], b"no checkpoint"])
def test_a_file_that_no_run_can_go_on_from_is_refused(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
    with pytest.raises(UsageError, match=r"weights.pth(?: has no|: 13 bytes, incomplete, damaged or no PyTorch file)"):
        run(tmp_path, resume=True, load_from=str(file))


def test_a_finished_run_says_so(tmp_path: Path, capfd) -> None:
    run(tmp_path, **{"default_hooks.checkpoint.save_last": True})
    assert run(tmp_path, resume=True) == []
    assert "this run is finished: " in (said := capfd.readouterr().out)
    assert "iter_18.pth is of iteration 18 of 18, nothing is left to train" in said
    assert len(run(tmp_path, **longer(4), resume=True)) == 6


class Interrupted(BaseMetric):
    """Its validations give the next of ``scores``; ``None`` kills the run."""

    scores: list[float | None]

    def process(self, data_batch, data_samples) -> None:
        if Interrupted.scores[0] is None:
            Interrupted.scores.pop(0)
            raise KeyboardInterrupt
        self.results.append(0)

    def compute_metrics(self, results) -> dict[str, float]:
        return dict(acc=Interrupted.scores.pop(0))


def validated_run(
    folder: Path, in_epochs: bool, scores: list[float | None], resume: bool = False
) -> list[float | None]:
    """Returns the scores that were left."""
    Interrupted.scores = list(scores)
    cfg = tiny_config(folder, resume=resume, param_scheduler=[])
    loader = dict(cfg.train_dataloader, sampler=dict(type="EpochSampler", shuffle=False))
    cfg.merge_from_dict(dict(val_dataloader=loader, val_cfg=dict(), val_evaluator=dict(type=Interrupted)))
    cfg.default_hooks.checkpoint.update(by_epoch=in_epochs, interval=1 if in_epochs else 6, save_best="acc")
    if not in_epochs:
        cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=18, val_interval=6)
        cfg.train_dataloader.sampler = dict(type="InfiniteSampler")
    Runner.from_cfg(cfg).train()
    return Interrupted.scores


@pytest.mark.parametrize("in_epochs", [True, False])
@pytest.mark.parametrize("killed", [2, 3])
def test_a_killed_validation_is_made_up_for(tmp_path: Path, in_epochs: bool, killed: int, capfd) -> None:
    name, step = ("best_acc_epoch_{}.pth", 1) if in_epochs else ("best_acc_iter_{}.pth", 6)
    scores: list[float | None] = [0.5, 0.6, 0.7]
    with pytest.raises(KeyboardInterrupt):
        validated_run(tmp_path, in_epochs, [*scores[: killed - 1], None])
    assert [path.name for path in tmp_path.glob("best_*")] == [name.format(step * (killed - 1))]

    assert validated_run(tmp_path, in_epochs, scores[killed - 1 :], resume=True) == []
    assert f"the validation after iteration {6 * killed} was not finished" in capfd.readouterr().out
    assert [path.name for path in tmp_path.glob("best_*")] == [name.format(3 * step)]
    last = tmp_path / name.format(3 * step).removeprefix("best_acc_")
    info = torch.load(last, weights_only=True)["message_hub"]["runtime_info"]
    assert (info["best_score"], info["best_ckpt"]) == (0.7, name.format(3 * step))
    assert validated_run(tmp_path, in_epochs, [0.1], resume=True) == [0.1]  # and once only


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
