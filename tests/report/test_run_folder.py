from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

import pytest

from mmmim.errors import UsageError
from mmmim.launch.run_lock import LOCK_FILE
from mmmim.report.run_folder import RunFolder, read_run, read_runs


def test_a_whole_run_is_read(run: RunFolder) -> None:
    assert run.name == "mae" and run.state == "finished, 2 epochs" and run.data == "8 of ToyImages"
    assert [file.name for file in run.checkpoints] == ["epoch_1.pth", "epoch_2.pth"]
    assert [record["epoch"] for record in run.training] == [1, 1, 2, 2]
    assert run.config is not None and run.config.model.backbone.arch.embed_dims == 16
    assert len(run.starts) == 1 and run.bad_files == ()


def test_a_run_says_how_far_it_came(run: RunFolder, tmp_path: Path) -> None:
    half = dataclasses.replace(run, path=tmp_path, training=run.training[:2], checkpoints=run.checkpoints[:1])
    assert half.state == "stopped in epoch 1 of 2"
    (tmp_path / LOCK_FILE).touch()
    assert half.state == "running, epoch 1 of 2"
    os.utime(tmp_path / LOCK_FILE, (time.time() - 1000,) * 2)
    assert half.state == "stopped in epoch 1 of 2"
    assert RunFolder(tmp_path, "empty").state == "nothing logged yet"


def test_what_a_run_has_not_left_yet_is_empty(tmp_path: Path) -> None:
    begun = tmp_path / "begun" / "20260101_000000" / "vis_data"
    begun.mkdir(parents=True)
    (begun / "config.py").write_text("model = dict(type='A'", encoding="utf-8")  # cut off by a full disk
    found = read_run(tmp_path / "begun")
    assert (found.config, found.training, found.checkpoints, found.starts) == (None, (), (), ())


def test_results_broken_files_and_pictures_are_found(tmp_path: Path) -> None:
    data = tmp_path / "20260101_000000" / "vis_data"
    (data / "pictures").mkdir(parents=True)
    (data / "pictures" / "epoch_4.png").write_bytes(b"")
    (tmp_path / "knn.json").write_text(json.dumps({"pretrained": {"k10": 50.0}}), encoding="utf-8")
    (tmp_path / "bad_files.txt").write_text("a.png\nb.png\n", encoding="utf-8")
    found = read_run(tmp_path)
    assert found.results == {"knn": {"pretrained": {"k10": 50.0}}} and found.bad_files == ("a.png", "b.png")
    assert list(found.pictures) == [4]
    (tmp_path / "knn.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"knn\.json: no JSON; measure again"):
        read_run(tmp_path)


def test_folders_that_are_no_run_are_named(work_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"RUN: '.*nothing' does not exist; give the work directory"):
        read_run(tmp_path / "nothing")
    with pytest.raises(UsageError, match="is a file"):
        read_run(work_dir / "epoch_1.pth")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no run: no log, no config, no checkpoint$"):
        read_run(tmp_path / "empty")
    with pytest.raises(UsageError, match=f"; below it there is {work_dir}"):
        read_run(work_dir.parent)


def test_runs_of_one_name_are_told_apart_by_the_folders_above(work_dir: Path, tmp_path: Path) -> None:
    for method in ("mae", "simmim"):
        (tmp_path / method / "vit" / "start" / "vis_data").mkdir(parents=True)
    names = [each.name for each in read_runs([tmp_path / "mae" / "vit", tmp_path / "simmim" / "vit"])]
    assert names == ["mae/vit", "simmim/vit"]
    assert [each.name for each in read_runs([work_dir, work_dir])] == ["mae", "mae (2)"]
    assert [each.name for each in read_runs([work_dir], ["mine"])] == ["mine"]
