from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tiny_run import tiny_config, train

from mmmim.checkpoint.reader import read_file
from mmmim.errors import RunFailed


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


def test_skipped_updates_are_counted_and_logged(tmp_path: Path) -> None:
    runner = train(tmp_path, **{"model.nan_gradients": [2, 3, 9], "log_level": "INFO", "experiment_name": "skips"})
    log = next(tmp_path.glob("*/*.log")).read_text(encoding="utf-8")
    told = [line for line in log.splitlines() if "were skipped because their gradient was not finite" in line]
    assert [line.partition("WARNING - ")[2][:35] for line in told] == [
        "1 updates up to iteration 2 were sk",
        "1 updates up to iteration 3 were sk",
        "1 updates up to iteration 9 were sk",
    ]
    assert int(runner.optim_wrapper.skipped) == 3 and int(runner.optim_wrapper.skipped_in_row) == 0


@pytest.mark.parametrize(("limit", "stops"), [(3, True), (4, False)])
def test_too_many_skipped_updates_in_a_row_stop_the_run(tmp_path: Path, limit: int, stops: bool) -> None:
    changes = {"model.nan_gradients": [0, 3, 4, 5, 6, 8, 9], "default_hooks.nonfinite.max_skipped": limit}
    if not stops:
        train(tmp_path, **changes)
        return
    with pytest.raises(RunFailed, match=r"4 updates in a row up to iteration 6 were skipped.*max_skipped=3"):
        train(tmp_path, **changes)


def test_a_run_whose_every_gradient_is_nan_fails(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="21 updates in a row up to iteration 20"):
        train(tmp_path, **{"model.nan_gradients": list(range(1000)), "train_cfg.max_epochs": 10})


class SpoilsWeight(Hook):
    """Writes a NaN into a weight after an update."""

    priority = "VERY_HIGH"

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        if runner.iter == self.iteration:
            with torch.no_grad():
                runner.model.decoder.weight[0, 0] = float("inf")


def test_a_weight_is_found_before_the_next_step(tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(tmp_path))
    runner.register_hook(SpoilsWeight(5))
    with pytest.raises(RunFailed, match=r"non-finite weights after iteration 5: decoder\.weight \(1 tensors\)"):
        runner.train()
    assert len(runner.model.losses) == 6
    record = json.loads((tmp_path / "nonfinite.json").read_text(encoding="utf-8"))
    assert record["weights"] == ["decoder.weight"] and record["steps"][0]["iteration"] == 5
    assert not read_file(tmp_path / "nonfinite.pt")["state_dict"]["decoder.weight"].isfinite().all()
