from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmmim.visualization.curves import read_curve, save_curves


def write_run(folder: Path, start: str, records: list[dict]) -> Path:
    file = folder / start / "vis_data" / "scalars.json"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return folder


def record(epoch: int, iteration: int, rec: float) -> dict:
    return dict(lr=1e-3, loss=rec + 1, loss_reconstruction=rec, epoch=epoch, iter=iteration, step=iteration)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "ccmim"
    write_run(folder, "20250101_000000", [record(1, 1, 4.0), record(1, 2, 2.0), record(2, 3, 99.0)])
    return write_run(
        folder, "20250102_000000", [record(2, 3, 1.0), record(2, 4, 0.5), {"accuracy/top1": 50.0, "step": 2}]
    )


def test_epoch_means_of_the_reconstruction_loss_and_a_resumed_run_overrides(run: Path) -> None:
    curve = read_curve(run)
    assert (curve.name, curve.key) == ("ccmim", "loss_reconstruction")
    assert (curve.steps, curve.values) == ([1, 2], [3.0, 0.75])


def test_every_record_by_iteration_and_another_key(run: Path) -> None:
    curve = read_curve(run, key="loss", by="iter")
    assert (curve.steps, curve.values) == ([1, 2, 3, 4], [5.0, 3.0, 2.0, 1.5])


def test_a_method_with_one_loss_falls_back_to_the_total(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "mae", "a", [dict(lr=1, loss=3.0, epoch=1, iter=1)])
    assert read_curve(folder).values == [3.0]
    assert read_curve(folder / "a" / "vis_data" / "scalars.json").name == "mae"


def test_clear_errors(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'loss_reconstruction'"):
        read_curve(run, key="loss_recon")
    with pytest.raises(ValueError, match=r"no vis_data/scalars\.json below"):
        read_curve(tmp_path / "nothing")
    broken = tmp_path / "scalars.json"
    broken.write_text('{"iter": 1\n', encoding="utf-8")
    with pytest.raises(ValueError, match="line 1"):
        read_curve(broken)


def test_picture_is_written(run: Path, tmp_path: Path) -> None:
    path = save_curves([read_curve(run), read_curve(run, key="loss")], tmp_path / "out" / "fig3b.png")
    assert path.read_bytes().startswith(b"\x89PNG")
