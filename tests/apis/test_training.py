from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
from tiny_mae import TINY

import mmmim
from mmmim.apis import TrainingResult
from mmmim.errors import UsageError
from mmmim.launch.monitors import Monitors
from mmmim.launch.prepare import Settings


def test_a_training_says_what_it_left(trained: TrainingResult) -> None:
    assert trained.checkpoint == trained.work_dir / "epoch_1.pth" and trained.checkpoint.is_file()
    assert trained.last["epoch"] == 1 and trained.last["step"] == 3 and 0 < trained.last["loss"] < 5


def test_two_trainings_in_one_second_have_logs_of_their_own(pictures: Path, tmp_path: Path) -> None:
    settings = dict(cfg_options=TINY, epochs=1)
    first = mmmim.train("mae/vit-tiny_toy", pictures, work_dir=tmp_path / "a", **settings)
    second = mmmim.train("mae/vit-tiny_toy", pictures, work_dir=tmp_path / "b", **settings)
    assert first.work_dir != second.work_dir and first.last["loss"] == pytest.approx(second.last["loss"], rel=1e-4)


def test_a_finished_run_can_be_resumed(pictures: Path, tmp_path: Path) -> None:
    settings = dict(work_dir=tmp_path, cfg_options=TINY)
    mmmim.train("mae/vit-tiny_toy", pictures, epochs=1, **settings)
    longer = mmmim.train("mae/vit-tiny_toy", pictures, epochs=2, resume="latest", **settings)
    assert longer.last["epoch"] == 2


def test_a_run_starts_from_a_checkpoint_that_is_named_by_its_path(
    trained: TrainingResult, pictures: Path, tmp_path: Path
) -> None:
    changes = {"log_level": "INFO", "model.head.in_channels": 16}
    options = {key: value for key, value in TINY.items() if "neck" not in key} | changes
    name = "mae/downstream/ft_vit-tiny_toy"
    run = mmmim.train(name, pictures, checkpoint=trained.checkpoint, work_dir=tmp_path, epochs=1, cfg_options=options)
    assert run.checkpoint is not None and run.checkpoint.is_file()
    (log,) = tmp_path.glob("*/*.log")
    assert re.search(r"loaded (\d+)/\1 backbone tensors", log.read_text(encoding="utf-8"))


def test_every_setting_of_the_command_line_can_be_given() -> None:
    own = set(inspect.signature(mmmim.train).parameters)
    assert {field.name for field in fields(Settings)} - own == {"processes", "planned", "monitors"}
    assert {field.name for field in fields(Monitors)} <= own | {name.removeprefix("monitor_") for name in own}


def test_mistakes_are_told_before_anything_is_written(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(UsageError, match=r"did you mean configs/mae/vit-tiny_toy.py"):
        mmmim.train("mae/vit-tiny_toi", pictures, work_dir=folder)
    with pytest.raises(UsageError, match=r"model\.maskr"):
        mmmim.train("mae/vit-tiny_toy", pictures, work_dir=folder, cfg_options={"model.maskr.mask_ratio": 0.5})
    with pytest.raises(UsageError, match="--amp='bf17' is unknown; did you mean 'bf16'"):
        mmmim.train("mae/vit-tiny_toy", pictures, work_dir=folder, cfg_options=TINY, amp="bf17")
    with pytest.raises(UsageError, match="--log='tensorbord' is unknown; did you mean 'tensorboard'"):
        mmmim.train("mae/vit-tiny_toy", pictures, work_dir=folder, cfg_options=TINY, log="tensorbord")
    with pytest.raises(TypeError, match="epoch"):
        mmmim.train("mae/vit-tiny_toy", pictures, work_dir=folder, epoch=3)
    with pytest.raises(UsageError, match=r"no folder|not exist|no image"):
        mmmim.train("mae/vit-tiny_toy", tmp_path / "nowhere", work_dir=folder)
    assert not folder.exists()
