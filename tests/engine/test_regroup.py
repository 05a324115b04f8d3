from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from tiny_run import losses, state, train

from mmmim.errors import UsageError

PARAMWISE = dict(bias_decay_mult=0.0, norm_decay_mult=0.0, custom_keys={"decoder": dict(lr_mult=0.1)})
SINGLE = {
    "optim_wrapper.paramwise_cfg": PARAMWISE,
    "optim_wrapper.constructor": "mmengine.DefaultOptimWrapperConstructor",
    "default_hooks.checkpoint.by_epoch": False,
    "default_hooks.checkpoint.interval": 4,
}
MERGED = {key: value for key, value in SINGLE.items() if not key.endswith("constructor")}


def test_a_run_with_a_group_for_each_parameter_resumes_exactly(tmp_path: Path, capfd) -> None:
    before = train(tmp_path / "single", **SINGLE)
    assert len(before.optim_wrapper.optimizer.param_groups) == 6
    train(tmp_path / "killed", **SINGLE, **{"train_cfg.stop_after": 9})
    capfd.readouterr()
    resumed = train(tmp_path / "killed", **MERGED, resume=True)
    groups = resumed.optim_wrapper.optimizer.param_groups
    assert Counter(len(group["params"]) for group in groups) == Counter([1, 2, 3])  # weight, decoder, bias and norm
    assert losses(tmp_path / "killed") == losses(tmp_path / "single")
    assert all(torch.equal(value, state(before)[name]) for name, value in state(resumed).items())
    assert "another setting" not in capfd.readouterr().out


def test_other_settings_of_the_old_groups_are_refused(tmp_path: Path) -> None:
    other = dict(PARAMWISE, norm_decay_mult=0.5)
    train(tmp_path, **{**SINGLE, "optim_wrapper.paramwise_cfg": other, "train_cfg.stop_after": 9})
    with pytest.raises(UsageError, match=r"iter_8.pth has a group for each parameter.*different settings.*load_from="):
        train(tmp_path, **MERGED, resume=True)


def test_another_learning_rate_takes_effect_on_old_checkpoints(tmp_path: Path, capfd) -> None:
    lr = {"optim_wrapper.optimizer.lr": 1e-3}
    straight = train(tmp_path / "straight", **MERGED, **lr)
    train(tmp_path / "killed", **SINGLE, **{"train_cfg.stop_after": 9})
    resumed = train(tmp_path / "killed", **MERGED, **lr, resume=True)
    assert [g["lr"] for g in resumed.optim_wrapper.param_groups] == [
        g["lr"] for g in straight.optim_wrapper.param_groups
    ]
    assert "optimizer.lr: 0.01 -> 0.001 (and" in capfd.readouterr().out
