from __future__ import annotations

from pathlib import Path

import pytest
import torch
from resumed_run import assert_same_run
from tiny_run import losses, train

from mmmim.errors import UsageError

BATCHES = 6  # 22 samples in batches of 4, the last one of 2
BY_ITER = {"default_hooks.checkpoint.by_epoch": False}


@pytest.mark.parametrize("accumulation", [1, 4])
def test_epoch_checkpoint_resumes_exactly(tmp_path: Path, straight_run, accumulation: int) -> None:
    """6 batches do not fill windows of 4: the save waits for the end of the window."""
    changes = {"optim_wrapper.accumulative_counts": accumulation, "default_hooks.checkpoint.interval": 1}
    folder, straight = straight_run(accumulation)
    train(tmp_path, **changes, **{"train_cfg.stop_after": 2 * BATCHES - 1})
    meta = torch.load(tmp_path / "epoch_1.pth", weights_only=True)["meta"]
    assert (meta["epoch"], meta["iter"]) == (1, BATCHES if accumulation == 1 else 8)
    resumed = train(tmp_path, **changes, resume=True)
    assert_same_run(straight, resumed, folder, tmp_path)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_resume_gives_the_remaining_samples(tmp_path: Path, num_workers: int, drop_last: bool) -> None:
    loader = {
        "train_dataloader.num_workers": num_workers,
        "train_dataloader.persistent_workers": num_workers > 0,
        "train_dataloader.drop_last": drop_last,
    }
    straight = train(tmp_path / "straight", **loader)
    saving = {**BY_ITER, "default_hooks.checkpoint.interval": 7, **loader}
    train(tmp_path / "killed", **saving, **{"train_cfg.stop_after": 8})
    resumed = train(tmp_path / "killed", **saving, resume=True)
    assert resumed.model.seen == straight.model.seen[7:]
    assert losses(tmp_path / "straight") == losses(tmp_path / "killed")


def test_sampler_without_set_start_finds_its_place(tmp_path: Path, capfd) -> None:
    sampler = {"train_dataloader.sampler": dict(type="DefaultSampler", shuffle=True, _delete_=True)}
    straight = train(tmp_path / "straight", **sampler)
    saving = {**BY_ITER, "default_hooks.checkpoint.interval": 8, **sampler}
    train(tmp_path / "killed", **saving, **{"train_cfg.stop_after": 8})
    resumed = train(tmp_path / "killed", **saving, resume=True)
    assert "DefaultSampler has no set_start: loading and dropping 2 batches" in capfd.readouterr().out
    assert resumed.model.seen == straight.model.seen[8:]


def test_another_batch_size_cannot_continue_an_epoch(tmp_path: Path) -> None:
    saving = {**BY_ITER, "default_hooks.checkpoint.interval": 4}
    train(tmp_path, **saving, **{"train_cfg.stop_after": 4})
    with pytest.raises(
        UsageError, match=r"6 iterations per epoch \(batch 4 x 1 .* 11 iterations per epoch \(batch 2 x 1"
    ):
        train(tmp_path, **saving, **{"train_dataloader.batch_size": 2}, resume=True)
