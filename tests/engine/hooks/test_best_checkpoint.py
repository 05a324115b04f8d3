from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from mmengine.evaluator import BaseMetric
from tiny_run import checkpoints_of, saving, tiny_config, train

from mmmim.checkpoint import files as checkpoint_io


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
        present.append(checkpoints_of(tmp_path))
        if fails and str(filepath).endswith("best_acc_epoch_3.pth"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, obj, filepath)

    monkeypatch.setattr(checkpoint_io.AtomicLocalBackend, "put", put)
    monkeypatch.setattr(Falling, "scores", iter((0.5, 0.4, 0.6)))
    loader = dict(tiny_config(tmp_path).train_dataloader, sampler=dict(type="EpochSampler", shuffle=False))
    evaluation = dict(val_dataloader=loader, val_cfg=dict(), val_evaluator=dict(type=Falling))
    train(tmp_path, **evaluation, **{"default_hooks.checkpoint.save_best": "acc"})
    assert present == [[], ["best_acc_epoch_1.pth"]]
    assert checkpoints_of(tmp_path) == ["best_acc_epoch_1.pth" if fails else "best_acc_epoch_3.pth"]


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
