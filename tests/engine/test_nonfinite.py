from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from tiny_run import tiny_config, train


def with_nan(at: int, interval: int = 50, **changes) -> dict:
    return {"model.nan_at": at, "default_hooks.nonfinite.interval": interval, **changes}


@pytest.mark.parametrize("interval", [1, 4, 50])
def test_nan_stops_with_iteration_rank_and_names(tmp_path: Path, interval: int) -> None:
    with pytest.raises(
        RuntimeError, match=r"non-finite loss at iteration 7, rank 0: loss=nan, loss_rec=nan\. .*learning rate"
    ):
        train(tmp_path, **with_nan(7, interval))


def test_no_checkpoint_after_nan(tmp_path: Path) -> None:
    saving = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 4}
    with pytest.raises(RuntimeError, match="iteration 7"):
        train(tmp_path, **with_nan(7, **saving))
    assert [path.name for path in tmp_path.glob("*.pth")] == ["iter_4.pth"]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_skipped_update_leaves_weights_and_moments(tmp_path: Path, accumulation: int) -> None:
    """The weights at the stop are those of the window before the one with the NaN."""
    changes = {"optim_wrapper.accumulative_counts": accumulation}
    good = train(tmp_path / "good", **changes, **{"train_cfg.stop_after": 8 - accumulation})
    bad = Runner.from_cfg(tiny_config(tmp_path / "bad", **with_nan(7, 1), **changes))
    with pytest.raises(RuntimeError, match="iteration 7"):
        bad.train()
    for one, two in zip(good.model.parameters(), bad.model.parameters(), strict=True):
        assert torch.equal(one, two)
        for name in ("exp_avg", "exp_avg_sq", "step"):
            assert torch.equal(
                good.optim_wrapper.optimizer.state[one][name], bad.optim_wrapper.optimizer.state[two][name]
            )


def test_nonfinite_weights_are_not_written(tmp_path: Path) -> None:
    """Without the fused optimizer the bad update is taken, and the loss of that step was still finite."""
    changes = {"optim_wrapper.optimizer.fused": False, "optim_wrapper.optimizer.lr": float("inf")}
    saving = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 1}
    with pytest.raises(RuntimeError, match=r"non-finite weights after iteration 0: encoder\.0\.weight"):
        train(tmp_path, **changes, **saving, param_scheduler=None)
    assert not list(tmp_path.glob("*.pth"))


def test_bad_interval() -> None:
    from mmmim.engine import NonFiniteLossHook

    with pytest.raises(ValueError, match="interval: expected a number of steps >= 1, got 0"):
        NonFiniteLossHook(interval=0)
