"""tools/train.py and tools/test.py: what they do."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(12):
        file = tmp_path / "photos" / f"class{index % 2}" / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 36), (20 * index, 100 * (index % 2), 60)).save(file)
    return tmp_path / "photos"


def weights(work_dir: Path, name: str = "iter_8.pth") -> dict[str, torch.Tensor]:
    return torch.load(work_dir / name, weights_only=False)["state_dict"]


def test_resume_continues_exactly(tool, toy, tmp_path: Path, step_losses) -> None:
    config, work = toy(), tmp_path / "work"
    assert tool("train", config) == 0
    whole, straight = step_losses(work), weights(work)
    assert [step["iter"] for step in whole] == list(range(8))

    shutil.rmtree(work)
    assert tool("train", config, "--cfg-options", "train_cfg.stop_after=3") == 0
    assert tool("train", config, "--resume") == 0
    assert step_losses(work) == whole
    for name, value in weights(work).items():
        assert torch.equal(value, straight[name]), name


def test_resume_auto_starts_anew_where_there_is_nothing(tool, toy, tmp_path: Path) -> None:
    assert tool("train", toy(), "--resume", "auto", "--cfg-options", "train_cfg.stop_after=1") == 0
    assert tool("train", toy(), "--resume", "auto", "--cfg-options", "train_cfg.stop_after=2") == 0
    assert torch.load(tmp_path / "work/rolling.pth", weights_only=False)["meta"]["iter"] == 2


def test_scaled_lr_is_what_trains_and_is_not_scaled_again(tool, toy, tmp_path: Path, capsys) -> None:
    config = toy(**{"log_level": "INFO"})
    assert tool("train", config, "--accumulate", "2", "--cfg-options", "train_cfg.stop_after=2") == 0
    out = capsys.readouterr()
    line = "lr       4e-3 x 8/256 = 1.25e-4 (4 per process x 1 process x 2 accumulation = 8)"
    assert (out.out + out.err).count(line) == 1
    assert "paramwise_options" not in out.out + out.err
    saved = torch.load(tmp_path / "work/rolling.pth", weights_only=False)
    assert saved["optimizer"]["param_groups"][0]["initial_lr"] == pytest.approx(1.25e-4)


def test_epochs_stretch_run_and_schedule(tool, toy, tmp_path: Path, capsys) -> None:
    """Three epochs of the two: 12 steps, the last one at the foot of the cosine."""
    assert tool("train", toy(), "--epochs", "3") == 0
    assert "in place of" not in "".join(capsys.readouterr())
    saved = torch.load(tmp_path / "work/iter_12.pth", weights_only=False)
    group, warm = saved["optimizer"]["param_groups"][0], 6  # 1.5 epochs of 4 steps
    cosine = (1 + math.cos(math.pi * (11 - warm) / (12 - warm))) / 2
    assert group["lr"] == pytest.approx(group["initial_lr"] * cosine)


def test_a_warm_up_shorter_than_an_iteration_is_left_out(tool, toy, folder: Path, tmp_path: Path) -> None:
    """Twelve photographs in one batch, one epoch: the single step is the cosine's first, at the peak."""
    options = ("--cfg-options", "train_dataloader.batch_size=12")
    assert tool("train", toy(), "--data", folder, "--epochs", "1", *options) == 0
    group = torch.load(tmp_path / "work/iter_1.pth", weights_only=False)["optimizer"]["param_groups"][0]
    assert group["lr"] == group["initial_lr"] > 0


def test_epochs_without_the_schedule_are_told_in_runs_and_plans(tool, toy, capsys) -> None:
    remark = "train_cfg.max_epochs=5, but the schedulers end at 2: the lr stays where it is for the rest; --epochs 5"
    options = ("--cfg-options", "train_cfg.max_epochs=5", "train_cfg.stop_after=1")
    assert tool("train", toy(), *options, "--dry-run") == 0
    plan = "".join(capsys.readouterr())
    assert plan.count(remark) == 1 and "paramwise_options" not in plan
    assert tool("train", toy(), *options) == 0
    assert "".join(capsys.readouterr()).count(remark) == 1


def test_data_option_trains_on_a_folder(tool, toy, folder: Path, tmp_path: Path, step_losses) -> None:
    assert tool("train", toy(), "--data", folder, "--cfg-options", "train_cfg.stop_after=3") == 0
    assert len(step_losses(tmp_path / "work")) == 3


def test_bf16_is_used(tool, toy, tmp_path: Path, step_losses) -> None:
    config = toy()
    runs = {}
    for amp in ("off", "bf16"):
        assert tool("train", config, "--amp", amp, "--overwrite", "--cfg-options", "train_cfg.stop_after=1") == 0
        runs[amp] = step_losses(tmp_path / "work")[0]["loss"]
    assert runs["off"] != runs["bf16"]
    assert runs["off"] == pytest.approx(runs["bf16"], rel=1e-2)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize("lacks_data", [False, True])
def test_whatever_trains_can_be_planned(tool, toy, folder: Path, tmp_path: Path, lacks_data: bool) -> None:
    """A warm-up of half an epoch, which is a single step or has an unknown number of them."""
    options = ["--epochs", "1", "--cfg-options", "train_dataloader.batch_size=12"]
    if lacks_data:
        dataset = dict(_delete_=True, type="ImageFolder", root=f"{tmp_path}/nowhere")
        assert tool("train", toy(**{"train_dataloader.dataset": dataset}), "--dry-run", *options) == 0
    else:
        assert tool("train", toy(), "--data", folder, "--dry-run", *options) == 0
        assert not (tmp_path / "work").exists()
