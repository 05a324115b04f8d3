from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmmim.commands.visualize import main
from mmmim.models.heads import CrossEntropyHead, Head, IntegratedZoomHead, ReconstructionHead
from mmmim.visualization.grid import Column
from mmmim.visualization.sources import load_images, load_run, normalise
from mmmim.visualization.tasks import error_name, image_errors

SEVEN = ("masked", "zoomed-in", "zoomed-out", "distorted", "blurred", "decolorized", "integrated")


def visualize(*words: object) -> int:
    return main(["tasks", *map(str, words)])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(
        "mmmim.visualization.tasks.save_grid",
        lambda columns, path, caption: kept.update(columns=columns, caption=caption),
    )
    return kept


def titles(columns: list[Column]) -> list[str]:
    return [column.title for column in columns]


def test_figure_and_table_of_seven_tasks(task_run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, out, table = [task_run(task) for task in SEVEN], tmp_path / "out.png", tmp_path / "sub" / "mse.csv"
    assert visualize(*runs, "--num", 2, "--mse-num", 3, "--csv", table, "--out", out) == 0
    width, height = Image.open(out).size
    assert width > 4 * height  # fifteen columns, two rows
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [f"run_{task}" for task in SEVEN]
    assert {row["images"] for row in rows} == {"3"} and {row["error"] for row in rows} == {"MSE"}
    printed = capsys.readouterr().out
    assert all(row["mean"] in printed and 0.8 < float(row["mean"]) < 4 for row in rows)


def test_mean_error_is_the_model_s_own_loss(task_run) -> None:
    images = load_images("toy", (48, 48), num=3)
    _, model = load_run(task_run("integrated"))
    expected = []
    for index in range(3):
        model.set_step(5, index)
        with torch.no_grad():
            losses = model(normalise(model, images[index : index + 1]), mode="loss")
        expected.append(0.8 * losses["inner"] + 0.2 * losses["outer"])
    errors = image_errors(model, images, seed=5)
    torch.testing.assert_close(errors, torch.stack(expected).double())
    assert errors.equal(image_errors(model, images, seed=5))
    assert not errors.equal(image_errors(model, images, seed=6))
    assert errors[:2].equal(image_errors(model, images[:2], seed=5))  # whatever images follow


def test_the_mean_error_is_in_the_title_and_its_images_are_those_of_the_folder(
    task_run, tmp_path: Path, drawn: dict[str, Any]
) -> None:
    (tmp_path / "mse").mkdir()
    generator = np.random.default_rng(0)
    for index in range(3):
        pixels = generator.integers(0, 256, (40, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mse" / f"{index}.png")
    run = task_run("zoomed-in")
    assert visualize(run, "--mse-data", tmp_path / "mse", "--names", "a", "--out", "x.png") == 0
    _, model = load_run(run)
    mean = image_errors(model, load_images(str(tmp_path / "mse"), (32, 32), num=100), 0).mean()
    assert titles(drawn["columns"]) == ["target", "a\ninput", f"a\noutput\navg. MSE {mean:.4f}"]
    assert all(word in drawn["caption"] for word in ("true patch", "clamped", "own target"))


def test_rows_show_the_same_content_at_every_crop_size(task_run, drawn: dict[str, Any]) -> None:
    runs = [task_run(task) for task in ("masked", "integrated", "zoomed-in-48", "distorted-48")]
    assert visualize(*runs, "--num", 2, "--mse-num", 0, "--names", *"mizd", "--out", "x.png") == 0
    columns = {column.title: column for column in drawn["columns"]}
    assert "Mean errors" not in drawn["caption"]
    # one target for the three that recover the whole square, another for the fisheye that recovers its centre
    assert titles(drawn["columns"]).count("target") == 2 and titles(drawn["columns"])[7] == "target"
    target, centre = (column.images[0] for column in drawn["columns"] if column.title == "target")
    assert target.shape == centre.shape == (32, 32, 3)
    whole = np.asarray(Image.fromarray((target * 255).astype(np.uint8)).resize((48, 48)), float)[8:40, 8:40] / 255
    assert abs(whole - centre).mean() < abs(target - centre).mean() / 2
    assert columns["z\ninput"].images[0].shape == columns["i\noutput"].images[0].shape == (32, 32, 3)


def test_csv_without_errors(task_run, capsys: pytest.CaptureFixture[str]) -> None:
    assert visualize("nothing", "--csv", "x.csv", "--mse-num", 0, "--out", "x.png") == 2
    assert "--mse-num 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (ReconstructionHead(), "MSE"),
        (IntegratedZoomHead(), "MSE"),
        (ReconstructionHead("l1"), "loss"),
        (ReconstructionHead(dict(l1=1.0, l2=1.0)), "loss"),
        (CrossEntropyHead(), "loss"),
    ],
)
def test_only_a_squared_error_is_called_mse(head: Head, name: str) -> None:
    assert error_name(SimpleNamespace(head=head)) == name
