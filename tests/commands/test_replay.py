"""A step of a run is computed again with the same images, masks and losses, and the place of a NaN is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmmim.commands import replay, train
from mmmim.launch.options import load_config
from mmmim.launch.replay import Step, samples_of

CONFIG = "configs/simmim/vit-tiny_toy.py"
EACH_STEP = ["default_hooks.logger.interval=1", "log_processor.window_size=1"]


def images(folder: Path, broken: int | None = None) -> Path:
    """Write 24 float images; ``broken`` holds a NaN that no decoder notices."""
    folder.mkdir()
    for number in range(24):
        pixels = np.random.default_rng(number).random((40, 40, 3)).astype(np.float32)
        np.save(folder / f"{number:02}.npy", pixels)
    return folder


def run(work_dir: Path, *options: str, data: Path) -> int:
    return train.main([
        CONFIG, "--work-dir", str(work_dir), "--data", str(data), "--epochs", "2", "--cfg-options",
        "train_dataloader.batch_size=8", "train_dataloader.num_workers=0", "default_hooks.checkpoint.interval=1",
        "train_dataloader.dataset.value_range=(0,1)", *EACH_STEP, *options,
    ])  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    assert run(folder / "run", data=images(folder / "images")) == 0
    return folder / "run"


def test_the_step_after_a_checkpoint_is_computed_again(finished: Path, capsys: pytest.CaptureFixture) -> None:
    checkpoint = str(finished / "epoch_1.pth")
    assert replay.main([str(finished), "--iteration", "3", "--checkpoint", checkpoint]) == 0
    said = capsys.readouterr().out
    logged = [
        json.loads(line) for file in finished.glob("*/vis_data/scalars.json") for line in file.open(encoding="utf-8")
    ]
    expected = next(line["loss"] for line in logged if line.get("iter") == 4 and "loss" in line)
    found = float(said.partition("losses: ")[2].partition("loss ")[2].partition("\n")[0].partition(",")[0])
    assert found == pytest.approx(expected, rel=1e-3)
    assert said.count(".npy: values from ") == 8 and said.count(" patches hidden") == 8
    assert "first module whose output is not finite: none" in said


def test_a_nan_in_a_weight_is_named(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    content = torch.load(finished / "epoch_1.pth")
    content["state_dict"]["backbone.blocks.1.mlp.fc1.weight"][0, 0] = float("nan")
    torch.save(content, tmp_path / "broken.pth")
    assert replay.main([str(finished), "--iteration", "3", "--checkpoint", str(tmp_path / "broken.pth")]) == 0
    said = capsys.readouterr().out
    assert "weights that are not finite: backbone.blocks.1.mlp.fc1.weight" in said
    assert "first module whose output is not finite: backbone.blocks.1.mlp (LeanMlp), from finite inputs" in said
    assert "gradients that are not finite: " in said and "none" not in said.splitlines()[-1]


def test_a_run_that_stops_leaves_what_a_replay_needs(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    # An lr of infinity gives an infinite weight in the first step with a non-zero gradient.
    status = run(
        tmp_path / "run", "optim_wrapper.optimizer.lr=1e38", "optim_wrapper.clip_grad=None", "param_scheduler=[]",
        "auto_scale_lr.enable=False", data=images(tmp_path / "images"),
    )  # fmt: skip
    said = capsys.readouterr().err
    assert status == 1 and "non-finite" in said and f"python tools/replay.py {tmp_path / 'run'}" in said
    record = json.loads((tmp_path / "run" / "nonfinite.json").read_text(encoding="utf-8"))
    assert record["processes"] == 1 and record["steps"][0]["rank"] == 0
    assert replay.main([str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert f"iteration {record['steps'][0]['iteration']} of process 0 of 1" in said and "nonfinite.pt" in said


def test_samples_of_all_processes_are_those_of_the_global_batch(finished: Path) -> None:
    cfg = load_config(str(finished / Path(CONFIG).name))
    one = [key.index for key in samples_of(cfg, Step(4, 0, 1, 7))[1]]
    cfg.train_dataloader.batch_size = 4
    two = [[key.index for key in samples_of(cfg, Step(4, rank, 2, 7))[1]] for rank in range(2)]
    assert [index for pair in zip(*two, strict=True) for index in pair] == one


def test_what_is_missing_is_named(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert replay.main([str(finished)]) == 2
    assert "--iteration: " in capsys.readouterr().err
    assert replay.main([str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert replay.main([str(tmp_path)]) == 2
    assert "holds no config" in capsys.readouterr().err
