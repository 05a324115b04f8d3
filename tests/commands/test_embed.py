from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mmmim.apis import TrainingResult


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    from mmmim.commands.embed import main

    def call(*words: object) -> tuple[int, str, str]:
        try:
            status = main(list(map(str, words)))
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, *capsys.readouterr()

    return call


def test_the_command_writes_table_and_picture(
    command: Callable, trained: TrainingResult, pictures: Path, tmp_path: Path
) -> None:
    words = ["--data", pictures, "--out", tmp_path / "a.npz", "--picture", tmp_path / "b" / "near.png", "--num", 3]
    status, out, _ = command(trained.work_dir, *words, "--workers", 0)
    assert status == 0 and "12 images, 16 features each" in out
    assert (tmp_path / "b" / "near.png").read_bytes().startswith(b"\x89PNG") and len(
        np.load(tmp_path / "a.npz")["names"]
    ) == 12


def test_mistakes_of_the_command(command: Callable, trained: TrainingResult, pictures: Path, tmp_path: Path) -> None:
    assert command(trained.work_dir, "--data", pictures, "--out", "a.csv")[0] == 2
    assert command(trained.work_dir, "--data", pictures, "--out", "a.npz", "--num", "0")[0] == 2
    (tmp_path / "file").touch()
    status, _, err = command(trained.work_dir, "--data", pictures, "--out", tmp_path / "file" / "a.npz")
    assert status == 2 and err.count("\n") == 1 and "file" in err


def test_bad_input_is_one_line_of_the_command(
    command: Callable, trained: TrainingResult, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    torch.save(dict(state_dict={"backbone.norm.weight": torch.ones(3)}), tmp_path / "bare.pth")
    out = ["--out", tmp_path / "a.npz"]
    calls = {
        "no image below": (trained.work_dir, "--data", tmp_path / "empty", *out),
        "no checkpoint at": (tmp_path / "empty", "--data", pictures, *out),
        "meta['mmmim'] is missing": (tmp_path / "bare.pth", "--data", pictures, *out),
        "device='cudaa' cannot be used here": (trained.work_dir, "--data", pictures, *out, "--device", "cudaa"),
    }
    for message, words in calls.items():
        status, _, err = command(*words)
        last = err.splitlines()[-1]
        assert status == 2 and last.startswith("error: ") and message in last, err
    assert not (tmp_path / "a.npz").exists()
