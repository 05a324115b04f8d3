"""What the processes of a run agree on: averaged losses, the stop on NaN, the stop on a signal."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_run import STEP_LOSSES, SignalAt, losses, train
from two_processes import run_in_two_processes


def train_in_group(folder: Path, **changes):
    wrapper = dict(type="CPUDistributedDataParallel", broadcast_buffers=False)
    return train(folder, launcher="pytorch", model_wrapper_cfg=wrapper, **changes).model.module


def raised_by(call, *args, **kwargs) -> str:
    try:
        call(*args, **kwargs)
    except (RuntimeError, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


SAVING = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 2}


def everything(folder: Path, rank: int) -> dict:
    own = train_in_group(folder / "straight", randomness=dict(seed=3, diff_rank_seed=True), **SAVING)
    nan = raised_by(
        train_in_group, folder / "nan", **SAVING, **{"model.nan_at": 5, "model.nan_rank": 1, "train_cfg.stop_after": 8}
    )
    signalled = dict(
        custom_hooks=[STEP_LOSSES, dict(type=SignalAt, name="SIGUSR1", iteration=2, rank=1)],
        **{"default_hooks.checkpoint.signal_interval": 4},
    )
    stopped = raised_by(train_in_group, folder / "stopped", **signalled)
    resumed = train_in_group(folder / "stopped", resume=True)
    return dict(own=own.losses, steps=own.steps, nan=nan, stopped=stopped, resumed_at=resumed.steps[0])


def test_two_processes(tmp_path: Path) -> None:
    first, second = run_in_two_processes(everything, tmp_path)
    # each step's losses are averaged; masks differ between the ranks, seed and iteration do not
    assert first["steps"] == second["steps"] == [[3, i] for i in range(9)]
    assert all(a != b for a, b in zip(first["own"], second["own"], strict=True))
    averaged = [row["loss"] for row in losses(tmp_path / "straight")]
    expected = (torch.tensor(first["own"]) + torch.tensor(second["own"])) / 2
    torch.testing.assert_close(torch.tensor(averaged), expected)
    # both ranks stop, and both name the rank with the NaN; what is on the disk is from before it
    for answer in (first, second):
        assert answer["nan"].startswith("RunFailed: non-finite loss at iteration 5, rank 1: loss=nan, loss_rec=nan.")
    assert sorted(path.name for path in (tmp_path / "nan").glob("*.pth")) == ["iter_2.pth", "iter_4.pth"]
    # a signal to one rank stops both after the same step
    assert first["stopped"] == second["stopped"] == "SystemExit: 75"
    assert first["resumed_at"] == second["resumed_at"] == [0, 4]
