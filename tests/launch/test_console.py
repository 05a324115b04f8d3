"""The console shows what a run will do in one screen; the file of the log has all of MMEngine's details."""

from __future__ import annotations

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
