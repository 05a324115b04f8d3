from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import torch
from tiny_run import checkpoints_of, losses, saving, train

from mmmim.checkpoint import files as checkpoint_io
from mmmim.checkpoint.files import stored_checkpoints
from mmmim.errors import UsageError


def test_full_disk_keeps_the_last_checkpoint_and_training(tmp_path: Path, monkeypatch, capfd) -> None:
    def put(self, obj, filepath, real=checkpoint_io.AtomicLocalBackend.put):
        if str(filepath).endswith(("iter_8.pth", "iter_12.pth")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(filepath))
        real(self, obj, filepath)

    monkeypatch.setattr(checkpoint_io.AtomicLocalBackend, "put", put)
    train(tmp_path, **saving(4, max_keep_ckpts=1, save_last=False), **{"train_cfg.stop_after": 13})
    assert checkpoints_of(tmp_path) == ["iter_4.pth"]
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
    assert checkpoints_of(tmp_path) == ["iter_12.pth", "iter_8.pth", "rolling.pth"]
    assert stored_checkpoints(tmp_path, tmp_path)[0] == tmp_path / "rolling.pth"
    train(tmp_path, **changes, resume=True)
    assert checkpoints_of(tmp_path) == ["iter_16.pth", "iter_18.pth"]
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
