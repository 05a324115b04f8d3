from __future__ import annotations

from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from matplotlib.image import imread

from mmmim.visualization.grid import Column, save_grid


def test_every_cell_shows_its_image(tmp_path: Path) -> None:
    red, blue = np.zeros((4, 8, 3)), np.zeros((4, 8, 3))
    red[..., 0], blue[..., 2] = 1, 1
    path = save_grid([Column("red", [red, red]), Column("blue", [blue, blue])], tmp_path / "sub" / "grid.png")
    picture = imread(path)[..., :3]
    is_red, is_blue = (np.abs(picture - colour).max(-1) < 0.01 for colour in ((1, 0, 0), (0, 0, 1)))
    assert is_red.sum() == pytest.approx(2 * 240 * 120, rel=0.03)
    assert is_blue.sum() == pytest.approx(is_red.sum(), rel=0.03)
    assert np.nonzero(is_red)[1].max() < np.nonzero(is_blue)[1].min()


def test_caption_titles_and_bars_add_room_instead_of_covering_cells(tmp_path: Path) -> None:
    image = np.ones((4, 4, 3)) * (1, 0, 0)
    plain = imread(save_grid([Column("a", [image])], tmp_path / "a.png"))
    full = imread(
        save_grid(
            [Column("a\nb", [image]), Column("P", [np.eye(4)], limits=(0, 1))],
            tmp_path / "b.png",
            caption="word " * 40,
            row_labels=["row"],
        )
    )
    red = [(np.abs(picture[..., :3] - (1, 0, 0)).max(-1) < 0.01).sum() for picture in (plain, full)]
    assert red[1] == pytest.approx(red[0], rel=0.03)


def test_columns_of_different_length() -> None:
    image = np.zeros((4, 4, 3))
    with pytest.raises(ValueError, match="'b': 1"):
        save_grid([Column("a", [image, image]), Column("b", [image])], "unused.png")


def test_long_titles_stay_above_their_own_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[matplotlib.figure.Figure] = []

    class Kept(matplotlib.figure.Figure):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            figures.append(self)

    monkeypatch.setattr("mmmim.visualization.grid.Figure", Kept)
    image = np.zeros((8, 8, 3))
    name = "a_run_with_a_very_long_name_indeed, epoch_800\nimportance_sampling\nmasked set"
    columns = [Column(name, [image]), Column(name, [image]), Column("P", [np.eye(4)], (0, 1))]
    save_grid(columns, tmp_path / "a.png", caption="caption " * 30)
    (figure,) = figures
    boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    boxes += [text.get_window_extent() for text in figure.texts]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
