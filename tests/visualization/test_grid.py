from __future__ import annotations

from pathlib import Path

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
