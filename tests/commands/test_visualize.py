from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmmim.commands.visualize import main
from mmmim.visualization.sources import load_model

PNG = b"\x89PNG"


def visualize(*words: str | Path) -> int:
    return main([str(word) for word in words])


def checkpoint(config: Path, folder: Path) -> Path:
    path = folder / "epoch_1.pth"
    torch.save(dict(state_dict=load_model(Config.fromfile(config), seed=3).state_dict()), path)
    return path


@pytest.mark.parametrize(("channels", "target"), [(1, "PixelTarget"), (3, "HOGTarget"), (5, "PixelTarget")])
def test_reconstruction_of_any_number_of_channels(write_config, tmp_path: Path, channels: int, target: str) -> None:
    config = write_config(channels, target)
    out = tmp_path / "sub" / "rec.png"
    assert visualize("reconstruction", config, checkpoint(config, tmp_path), "--num", "2", "--out", out) == 0
    assert out.read_bytes().startswith(PNG)


def test_mask_figure_of_a_work_directory_with_ratios_and_strategies(write_config, tmp_path: Path) -> None:
    config = write_config()
    checkpoint(config, tmp_path)
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "epoch_1.pth"), encoding="utf-8")
    out = tmp_path / "masks.png"
    words = ["--ratio", "0.5", "0.75", "--strategy", "importance_sampling", "importance", "--scores", "--draws", "4"]
    assert visualize("masks", config, tmp_path, "--num", "1", *words, "--out", out) == 0
    assert out.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["masks", "CONFIG", "--no-random-init"], "give at least one CKPT"),
        (["masks", "CONFIG", "--data", "none"], "does not exist"),
        (["masks", "CONFIG", "--strategy", "blok"], "did you mean 'block'"),
        (["masks", "CONFIG", "--ratio", "1"], "(mask_ratio=1.0) hides 24 of 24"),
        (["reconstruction", "CONFIG", "x.pth"], "no checkpoint at"),
        (["masks", "CONFIG", "--num", "0"], "--num: at least 1"),
        (["losses", "nothing"], "no vis_data/scalars.json"),
    ],
)
def test_errors_are_one_line(
    write_config, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    config = str(write_config())
    code = visualize(*[config if word == "CONFIG" else word for word in words], "--out", tmp_path / "out.png")
    assert code == 2
    assert message in capsys.readouterr().err
