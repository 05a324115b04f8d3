from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmmim
from mmmim.apis import Embeddings, TrainingResult, neighbours
from mmmim.visualization.grid import Column


@pytest.fixture(scope="module")
def table(trained: TrainingResult, pictures: Path) -> Embeddings:
    return mmmim.embed(trained.work_dir, pictures, cache=False)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Column], str]]:
    """Columns and captions of pictures that would have been written."""
    found: list[tuple[list[Column], str]] = []

    def save(columns: list[Column], out: Path, caption: str, **options: float) -> Path:
        found.append((columns, caption))
        return out

    monkeypatch.setattr(neighbours, "save_grid", save)
    return found


def test_images_stand_beside_the_nearest_ones(table: Embeddings, pictures: Path, drawn: list) -> None:
    assert neighbours.draw_neighbours(table, pictures, "near.png", num=3, k=2) == Path("near.png")
    ((columns, caption),) = drawn
    assert [column.title for column in columns] == ["image", "neighbour 1", "neighbour 2"]
    assert [len(column.images) for column in columns] == [3, 3, 3]
    near = table.neighbours([0, 4, 8], 2)
    right = sum(table.labels[near[row, 0]] == table.labels[4 * row] for row in range(3))
    assert f"of the same class for {right / 3:.0%} of the images shown" in caption


def test_there_are_no_more_images_than_rows(table: Embeddings, pictures: Path, drawn: list) -> None:
    neighbours.draw_neighbours(table, pictures, "near.png", num=100, k=1)
    assert [len(column.images) for column in drawn[0][0]] == [12, 12]


def test_images_of_many_channels_are_drawn(tmp_path: Path, drawn: list) -> None:
    for index in range(3):
        np.save(tmp_path / f"{index}.npy", np.full((40, 50, 5), 50 * index, np.uint8))
    encoder = mmmim.get_model("mae/vit-tiny_toy", in_channels=5)
    neighbours.draw_neighbours(mmmim.embed(encoder, tmp_path, cache=False), tmp_path, "near.png", k=1)
    assert [image.shape for image in drawn[0][0][0].images] == [(128, 128, 3)] * 3
