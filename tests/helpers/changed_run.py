from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from tiny_run import STEP_LOSSES, train

from mmmim.registry import HOOKS

SAVING = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 4}


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
