"""Checkpoint files: what they hold, and that no failure costs the last good one."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric
from tiny_run import STEP_LOSSES, SignalAt, losses, tiny_config, train

from mmmim.checkpoint import files as checkpoint_io
from mmmim.checkpoint.files import atomic_write, find_damage, stored_checkpoints
from mmmim.engine.stop_signal import EXIT_CODE
from mmmim.errors import UsageError


def saving(interval: int, **options) -> dict:
    options = dict(by_epoch=False, interval=interval, **options)
    return {f"default_hooks.checkpoint.{key}": value for key, value in options.items()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.pth"))


def test_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(file) as new:
        new.write(b"half of the n")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.pth"]
    with atomic_write(file) as new:
        new.write(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"


def test_data_is_on_disk_before_the_file_appears(tmp_path: Path, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(checkpoint_io.os, "fsync", lambda fd, real=os.fsync: (calls.append("fsync"), real(fd)))
    monkeypatch.setattr(
        checkpoint_io.os, "replace", lambda a, b, real=os.replace: (calls.append("replace"), real(a, b))
    )
    with atomic_write(tmp_path / "a.pth") as file:
        file.write(b"x")
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("change", ["truncate", "flip", "empty"])
def test_damage_is_found(tmp_path: Path, change: str) -> None:
    file = tmp_path / "a.pth"
    torch.save(dict(weight=torch.arange(1000.0)), file)
    assert find_damage(file) is None
    content = bytearray(file.read_bytes())
    if change == "flip":
        content[len(content) // 2] ^= 1
    file.write_bytes(dict(truncate=content[:-100], flip=content, empty=b"")[change])
    assert find_damage(file)


def test_full_disk_keeps_the_last_checkpoint_and_training(tmp_path: Path, monkeypatch, capfd) -> None:
    def put(self, obj, filepath, real=checkpoint_io.AtomicLocalBackend.put):
        if str(filepath).endswith(("iter_8.pth", "iter_12.pth")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(filepath))
        real(self, obj, filepath)

    monkeypatch.setattr(checkpoint_io.AtomicLocalBackend, "put", put)
    train(tmp_path, **saving(4, max_keep_ckpts=1, save_last=False), **{"train_cfg.stop_after": 13})
    assert names(tmp_path) == ["iter_4.pth"]
    assert stored_checkpoints(tmp_path, tmp_path)[0] == tmp_path / "iter_4.pth"
    assert "iter_8.pth: [Errno 28] No space left on device" in capfd.readouterr().out


def test_full_disk_at_the_end_raises(tmp_path: Path, monkeypatch) -> None:
    def put(self, obj, filepath):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint_io.AtomicLocalBackend, "put", put)
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path, **saving(-1, save_last=True), **{"train_cfg.max_epochs": 1})


def test_damaged_newest_checkpoint_falls_back(tmp_path: Path, capfd) -> None:
    train(tmp_path / "straight")
    changes = saving(3)
    train(tmp_path / "killed", **changes, **{"train_cfg.stop_after": 10})
    newest = tmp_path / "killed/iter_9.pth"
    newest.write_bytes(newest.read_bytes()[:-1000])
    (tmp_path / "killed/.iter_9.pth.123.tmp").write_bytes(b"of a killed writer")
    resumed = train(tmp_path / "killed", **changes, resume=True)
    said = capfd.readouterr().out
    assert "cannot resume from" in said and "iter_9.pth" in said and "iter_6.pth" in said
    assert resumed.model.steps[0] == (0, 6)
    assert losses(tmp_path / "killed") == losses(tmp_path / "straight")
    assert not list(tmp_path.glob("killed/*.tmp"))


def test_only_damaged_checkpoints_do_not_start_anew(tmp_path: Path) -> None:
    train(tmp_path, **saving(3), **{"train_cfg.stop_after": 3})
    (tmp_path / "iter_3.pth").write_bytes(b"")
    with pytest.raises(UsageError, match=r"none of the 1 checkpoints in .* is readable"):
        train(tmp_path, resume=True)


def test_resume_without_checkpoint_starts(tmp_path: Path) -> None:
    assert train(tmp_path, resume=True, **{"train_cfg.stop_after": 2}).iter == 2


def test_kept_files(tmp_path: Path) -> None:
    changes = saving(4, rolling_interval=1, max_keep_ckpts=2, save_last=True)
    train(tmp_path, **changes, **{"train_cfg.stop_after": 14})
    assert names(tmp_path) == ["iter_12.pth", "iter_8.pth", "rolling.pth"]
    assert stored_checkpoints(tmp_path, tmp_path)[0] == tmp_path / "rolling.pth"
    train(tmp_path, **changes, resume=True)
    assert names(tmp_path) == ["iter_16.pth", "iter_18.pth"]
    assert stored_checkpoints(tmp_path, tmp_path)[0] == tmp_path / "iter_18.pth"


def test_a_copied_run_is_a_run_of_its_own(tmp_path: Path) -> None:
    """The original goes on; the copy continues from its own file, wherever both lie."""
    changes = saving(-1, rolling_interval=1)
    train(tmp_path / "a", **changes, **{"train_cfg.stop_after": 5})
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copyfile)  # with times of its own
    train(tmp_path / "a", **changes, **{"train_cfg.stop_after": 9}, resume=True)
    assert train(tmp_path / "b", **changes, **{"train_cfg.stop_after": 7}, resume=True).model.steps[0] == (0, 5)
    (tmp_path / "b").rename(tmp_path / "c")
    shutil.rmtree(tmp_path / "a")
    assert train(tmp_path / "c", **changes, **{"train_cfg.stop_after": 8}, resume=True).model.steps[0] == (0, 7)


@pytest.mark.parametrize("pointer", ["/elsewhere/a/iter_6.pth", "iter_6.pth", "gone.pth", "", None])
def test_newest_good_file_wins_over_a_stale_pointer(tmp_path: Path, pointer: str | None) -> None:
    """A pointer of an original that was copied, of a write that the disk had no room for, of a file that is gone."""
    (tmp_path / "best_a.pth").touch()
    if pointer is not None:
        (tmp_path / "last_checkpoint").write_text(pointer, encoding="utf-8")
    for iteration in (3, 6, 9):
        content = dict(meta=dict(iter=iteration), state_dict={}, message_hub={}, optimizer={})
        torch.save(content, tmp_path / f"iter_{iteration}.pth")
        times = tmp_path.stat().st_mtime_ns + iteration * 10**9
        os.utime(tmp_path / f"iter_{iteration}.pth", ns=(times, times))
    expected = [tmp_path / f"iter_{iteration}.pth" for iteration in (9, 6, 3)]
    assert stored_checkpoints(tmp_path, tmp_path) == expected
    if pointer is not None:  # an older run's files, copied after the pointer: they do not go further
        os.utime(tmp_path / "last_checkpoint", ns=(10**18, 10**18))
        (tmp_path / "last_checkpoint").write_text("iter_9.pth", encoding="utf-8")
        os.utime(tmp_path / "last_checkpoint", ns=(10**18, 10**18))
        times = tmp_path.stat().st_mtime_ns + 20 * 10**9
        os.utime(tmp_path / "iter_3.pth", ns=(times, times))
        assert stored_checkpoints(tmp_path, tmp_path)[0] == tmp_path / "iter_9.pth"


def test_content_is_plain(tmp_path: Path) -> None:
    train(tmp_path, **saving(3), **{"train_cfg.stop_after": 3})
    checkpoint = torch.load(tmp_path / "iter_3.pth", weights_only=True)
    assert checkpoint["meta"]["epoch"] == 0 and checkpoint["meta"]["iter"] == 3
    facts = checkpoint["meta"]["mmmim"]
    assert facts == dict(method="TinyMasked", stage="ssl", epoch=0, iter=3, version=facts["version"], to_rgb=True)


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_signal_saves_and_exits(tmp_path: Path, name: str, accumulation: int) -> None:
    before = signal.getsignal(signal.Signals[name])
    changes = {"train_dataloader.num_workers": 2, "optim_wrapper.accumulative_counts": accumulation}
    train(tmp_path / "straight", **changes)
    hooks = [STEP_LOSSES, dict(type=SignalAt, name=name, iteration=8)]
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "killed", custom_hooks=hooks, **changes)
    assert stopped.value.code == EXIT_CODE == 75
    assert signal.getsignal(signal.Signals[name]) is before
    resumed = train(tmp_path / "killed", resume=True, **changes)
    assert resumed.model.steps[0] == (0, 9 if accumulation == 1 else 12)
    assert losses(tmp_path / "killed") == losses(tmp_path / "straight")


class Falling(BaseMetric):
    """A score that falls in the second epoch and rises in the others."""

    scores = iter(())

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results) -> dict[str, float]:
        return dict(acc=next(Falling.scores))


@pytest.mark.parametrize("fails", [False, True])
def test_best_file_is_replaced_after_the_next_is_written(tmp_path: Path, monkeypatch, fails: bool) -> None:
    present = []

    def put(self, obj, filepath, real=checkpoint_io.AtomicLocalBackend.put):
        present.append(names(tmp_path))
        if fails and str(filepath).endswith("best_acc_epoch_3.pth"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, obj, filepath)

    monkeypatch.setattr(checkpoint_io.AtomicLocalBackend, "put", put)
    monkeypatch.setattr(Falling, "scores", iter((0.5, 0.4, 0.6)))
    loader = dict(tiny_config(tmp_path).train_dataloader, sampler=dict(type="EpochSampler", shuffle=False))
    evaluation = dict(val_dataloader=loader, val_cfg=dict(), val_evaluator=dict(type=Falling))
    train(tmp_path, **evaluation, **{"default_hooks.checkpoint.save_best": "acc"})
    assert present == [[], ["best_acc_epoch_1.pth"]]
    assert names(tmp_path) == ["best_acc_epoch_1.pth" if fails else "best_acc_epoch_3.pth"]


def test_best_file_of_the_original_outlives_its_copy(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Falling, "scores", iter((0.5, 0.6, 0.7)))
    loader = dict(tiny_config(tmp_path).train_dataloader, sampler=dict(type="EpochSampler", shuffle=False))
    changes = dict(
        val_dataloader=loader, val_cfg=dict(), val_evaluator=dict(type=Falling), **saving(6, save_best="acc")
    )
    train(tmp_path / "a", **changes, **{"train_cfg.stop_after": 13})
    assert (tmp_path / "a/best_acc_iter_12.pth").exists()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    train(tmp_path / "b", **changes, resume=True)
    assert [path.name for path in (tmp_path / "a").glob("best_*")] == ["best_acc_iter_12.pth"]
    assert [path.name for path in (tmp_path / "b").glob("best_*")] == ["best_acc_iter_18.pth"]


def test_unknown_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"signals: .* got \['SIGNAL'\]"):
        train(tmp_path, **saving(3, signals=["SIGNAL"]))
