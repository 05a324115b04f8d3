from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from noise_pictures import smooth_noise, write_pictures
from PIL import Image

from mmmim.benchmark.own_data import StepTime
from mmmim.commands.work import advise as work
from mmmim.datasets.sources import FolderSource
from mmmim.plan.advice import Machine

SHORT = {"--epochs": "1"}
TINY = ["model.backbone.arch.embed_dims=16", "model.backbone.arch.depth=1", "model.backbone.arch.num_heads=2"]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for label, name in enumerate(("ant", "bee")):
        write_pictures(tmp_path / "my pictures" / name, 50, 100 * label)
    return tmp_path / "my pictures"


def advise(tool: Callable[..., int], *words: object) -> int:
    return tool("advise", *words, "--workers", 0)


def run(tool: Callable[..., int], command: str, folder: Path, **changes: str) -> None:
    """Run a printed command with other values of some options, in a folder of its own, and a tiny encoder."""
    program, door, *words = shlex.split(command)
    assert program == "python"
    for option, value in changes.items():
        words[words.index(option) + 1] = value
    words = [word.replace("work_dirs", str(folder / "work_dirs")) for word in words]
    if "--cfg-options" in words:
        words += [*TINY, "train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"]
    assert tool(Path(door).stem, *words) == 0, command


def test_it_tells_what_is_there_and_what_to_run(
    tool: Callable[..., int], labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert advise(tool, labelled, "--no-measure") == 0
    text = capsys.readouterr().out
    for part in (
        "100 images", "2, 50 images each", "recommended for about 1,000 images", "MAE (",
        "32 x 32 (the largest of 64, 32",
        "4 x 4, 64 patches", "base lr     0.001 for 256 images", "--cfg-options \\\n", "tools/knn.py", "tools/probe.py",
        shlex.quote(str(labelled)), "work_dirs/mae_my_pictures",
    ):  # fmt: skip
        assert part in text, f"{part!r} is not in\n{text}"
    assert "time:" not in text


def test_the_printed_commands_run(
    tool: Callable[..., int], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert advise(tool, labelled, "--no-measure", "--json") == 0
    told = json.loads(capsys.readouterr().out)["advice"]
    run(tool, told["commands"]["train"], tmp_path, **SHORT)
    capsys.readouterr()
    for command in told["commands"]["evaluate"]:
        run(tool, command, tmp_path)
        assert "random init: top-1" in capsys.readouterr().out


def test_bands_without_labels(tool: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bands").mkdir()
    for number in range(100):
        np.save(tmp_path / f"bands/{number:03}.npy", smooth_noise(number, channels=5) * [1, 2, 3, 400, 5000])
    assert advise(tool, tmp_path / "bands", "--no-measure", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["channels"] == {"5": 100} and told["advice"]["hours"] is None
    run(tool, told["advice"]["commands"]["train"], tmp_path, **SHORT)
    (command,) = told["advice"]["commands"]["evaluate"]
    run(tool, command, tmp_path)
    stored = torch.load(tmp_path / "work_dirs/mae_bands/epoch_1.pth", weights_only=True)["meta"]["mmmim"]
    assert np.shape(stored["value_range"]) == (5, 2)
    assert np.load(tmp_path / "work_dirs/mae_bands/features.npz")["features"].shape == (100, 16)
    assert Image.open(tmp_path / "work_dirs/mae_bands/neighbours.png").size[0] > 100


def test_hours_come_from_steps_of_this_run(
    tool: Callable[..., int], labelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    timed: list[Any] = []

    def timing(prepared: Any, **_: Any) -> StepTime:
        timed.append(prepared)
        return StepTime(0.9, 20)

    monkeypatch.setattr(work, "time_steps", timing)
    assert advise(tool, labelled, "--method", "simmim") == 0
    assert timed[0].cfg.model.masker.cell_size == 4 and timed[0].cfg.train_cfg.max_epochs == 1600
    text = capsys.readouterr().out
    assert "time: 24 minutes on" in text and "1,600 steps of 0.9 s (mean of 20)" in text


@pytest.mark.parametrize("hours, expected", [(0.5, "30 minutes"), (7.25, "7.25 hours"), (240.0, "10 days")])
def test_durations(hours: float, expected: str) -> None:
    assert work._duration(hours) == expected


def test_a_run_of_months_and_a_busy_machine_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work.os, "getloadavg", lambda: (9.0, 9.0, 9.0))
    text = work._hours(StepTime(60.0, 3, 4.0), 100_000, Machine(devices=0, cores=2))
    for part in ("69.4 days on 2 CPU cores", "a step takes 4 s of CPU time", "too long for this machine"):
        assert part in text
    monkeypatch.setattr(work.os, "getloadavg", lambda: (1.0, 1.0, 1.0))
    assert "note" not in work._hours(StepTime(0.1, 20), 100, Machine(devices=0, cores=2))


def bad(tool: Callable[..., int], capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the one line that a refused command ends with."""
    assert advise(tool, *words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_bad_folders_are_one_line(tool: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("empty", "odd", "broken", "few"):
        (tmp_path / name).mkdir()
    (tmp_path / "odd/a.csv").touch()
    (tmp_path / "broken/a.jpg").write_bytes(b"text")
    (tmp_path / "file.txt").touch()
    write_pictures(tmp_path / "few", 3)
    expected = {
        "none": "does not exist",
        "empty": "is empty; give a folder of images, a pack",
        "odd": "holds no image at any depth, but 1 .csv",
        "broken": "none of the 1 images looked at can be read, such as a.jpg (UnidentifiedImageError: 4 bytes",
        "file.txt": "is a file of a kind that --data does not read",
        "few": "3 images are too few to pre-train on (100 at least); start from published weights",
    }
    for name, message in expected.items():
        line = bad(tool, capsys, tmp_path / name)
        assert line.startswith(f"error: DIR {tmp_path / name}: ") and message in line


def test_the_facts_of_too_few_images_are_told_all_the_same(
    tool: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "few", 3)
    assert advise(tool, tmp_path / "few", "--json") == 2
    assert json.loads(capsys.readouterr().out)["train"]["images"] == 3


def test_what_may_not_be_read_is_one_line(
    tool: Callable[..., int], labelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FolderSource, "read", refuse)
    line = bad(tool, capsys, labelled)
    assert "(Permission denied); allow it with chmod -R u+rX '" in line
    monkeypatch.setattr(work, "survey", refuse)
    assert "may not be read; allow it with chmod" in bad(tool, capsys, labelled)


@pytest.mark.parametrize("words", [["--max-images", "-1"], ["--method", "mea"], ["--workers", "-2"]])
def test_mistakes_on_the_command_line(words: list[str], tool: Callable[..., int]) -> None:
    with pytest.raises(SystemExit) as stop:
        tool("advise", "DIR", *words)
    assert stop.value.code == 2
