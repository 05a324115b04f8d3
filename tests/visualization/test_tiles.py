import numpy as np

from mmmim.visualization.grid import Column
from mmmim.visualization.tiles import GAP, LINE, tile


def test_cells_lie_below_their_titles():
    red, green = np.zeros((32, 48, 3)), np.zeros((32, 48, 3))
    red[..., 0], green[..., 1] = 1, 1
    pixels = tile([Column("input", [red, red]), Column("two\nlines", [green, red])])
    height, width = 3 * 32, 3 * 48  # enlarged until the short side has 96 pixels
    top = GAP + 2 * LINE
    assert pixels.dtype == np.uint8
    assert pixels.shape == (top + 2 * (height + GAP), GAP + 2 * (width + GAP), 3)
    assert (pixels[top : top + height, GAP : GAP + width] == (255, 0, 0)).all()
    assert (pixels[top : top + height, 2 * GAP + width : -GAP] == (0, 255, 0)).all()
    assert (pixels[-GAP - height : -GAP, 2 * GAP + width : -GAP] == (255, 0, 0)).all()
    assert (pixels[-GAP:] == 255).all() and (pixels[:top] < 128).any()  # a margin, and titles


def test_large_images_keep_their_size_and_others_are_fitted():
    pixels = tile([Column("a", [np.ones((200, 100, 3)) / 3]), Column("b", [np.zeros((50, 25, 3))])])
    assert pixels.shape[:2] == (GAP + LINE + 200 + GAP, 3 * GAP + 200)
    assert (pixels[GAP + LINE : -GAP, GAP : GAP + 100] == 85).all()
    assert (pixels[GAP + LINE : -GAP, -GAP - 100 : -GAP] == 0).all()
