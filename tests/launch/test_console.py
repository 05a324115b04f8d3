"""The console shows what a run will do in one screen; the file of the log has all of MMEngine's details."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

import mmmim

FEW = {
    "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=1, num_heads=2),
    "model.neck.dims": 16,
    "model.neck.depth": 1,
    "model.neck.num_heads": 2,
    "train_dataloader.dataset.num_images": 32,
    "train_dataloader.batch_size": 8,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
}
DETAILS = ("System environment", "Config:", "Hooks will be executed", "is skipped since its requires_grad=False")


def test_a_run_begins_with_one_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mmmim.train("mae/vit-tiny_toy", epochs=1, work_dir="run", cfg_options=FEW)
    shown = "".join(capfd.readouterr())
    (file,) = Path("run").glob("*/*.log")
    for detail in DETAILS:
        assert detail not in shown and detail in file.read_text(encoding="utf-8")
    for line in (
        "training ",
        "  model    MaskedImageModel, ",
        "  data     32 of ToyImages",
        "  batch    8 per process x 1 process x 1 accumulation = 8",
        "  length   1 epochs, 4 steps",
        "  device   cpu, float32",
        "  results  run",
        f"  details  {file}: versions, the whole config, hooks",
    ):
        assert line in shown and line in file.read_text(encoding="utf-8")
    before_training = shown.partition("Epoch(train)")[0]
    assert before_training.count("\n") < 24


class Screen(io.StringIO):
    """A standard output that is a terminal, or a file."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "term", "rank", "is_drawn"),
    [(True, "xterm", "0", True), (True, "dumb", "0", False), (False, "xterm", "0", False), (True, "xterm", "1", False)],
)
def test_a_terminal_gets_a_bar_of_the_first_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, term: str, rank: str, is_drawn: bool
) -> None:
    screen = Screen(is_terminal)
    monkeypatch.setattr("sys.stdout", screen)
    for name, value in (("TERM", term), ("RANK", rank), ("COLUMNS", "150")):
        monkeypatch.setenv(name, value)
    mmmim.train("mae/vit-tiny_toy", epochs=1, work_dir=tmp_path, cfg_options=FEW)
    shown = screen.getvalue()
    assert ("epoch 1/1" in shown) == is_drawn and ("\x1b[2K" in shown) == is_drawn
    lines = [line for line in re.split(r"\x1b\[\d*[A-K]|[\r\n]", shown) if "Epoch(train)" in line]
    assert len(lines) == 1 and lines[0].count("loss:") == 1 and "epoch 1/1" not in lines[0]
    (file,) = tmp_path.glob("*/*.log")
    assert "epoch 1/1" not in file.read_text(encoding="utf-8")
