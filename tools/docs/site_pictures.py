"""Small pictures of patches for the figures of the documentation: an image, and what the methods make of it."""

from __future__ import annotations

from collections.abc import Callable

COUNT, SIDE = 6, 72  # patches in a row; pixels
PATCH = SIDE / COUNT
SKY, SUN, HILL, FIELD = ("#8fb9e3", "#a5c8ea", "#bcd6ef"), "#f2b84b", ("#6f8f6a", "#5f7f5c"), ("#9cb36b", "#8aa35c")
SCENE = [  # colours of the patches, row by row
    [SKY[0], SKY[0], SKY[1], SKY[1], SUN, SKY[0]],
    [SKY[1], SKY[1], SKY[2], SKY[1], SKY[1], SKY[1]],
    [SKY[2], HILL[0], SKY[2], SKY[2], HILL[1], SKY[2]],
    [HILL[0], HILL[1], HILL[0], HILL[1], HILL[0], HILL[1]],
    [FIELD[0], HILL[0], FIELD[1], FIELD[0], HILL[1], FIELD[0]],
    [FIELD[1], FIELD[0], FIELD[0], FIELD[1], FIELD[0], FIELD[1]],
]
VISIBLE = {(0, 1), (0, 4), (1, 3), (2, 0), (2, 5), (3, 2), (4, 4), (5, 1), (5, 3)}  # a quarter
HALF = VISIBLE | {(0, 0), (1, 1), (1, 5), (2, 2), (3, 4), (3, 0), (4, 2), (5, 5), (4, 0)}
BLOCKS = {(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (4, 3), (4, 4), (3, 4), (2, 3), (4, 2)}  # hidden
CELLS = {(0, 0), (0, 2), (1, 1), (2, 0), (2, 2)}  # hidden, of 3 x 3 cells
CHOSEN = {(0, 0), (0, 1), (1, 0), (1, 5), (2, 3), (3, 0), (4, 5), (5, 0), (5, 2)}  # seen: the unimportant ones
WRONG = {(0, 2): "#c98f6b", (1, 4): HILL[0], (2, 2): SUN, (3, 4): SKY[1], (4, 1): "#b8a24c", (5, 4): SKY[2]}
STRONG = {SKY[0]: "#b59be0", SKY[1]: "#c4aee8", SKY[2]: "#d3c3f0", SUN: "#e0708f", HILL[0]: "#4f9a94"}
STRONG |= {HILL[1]: "#3f8a86", FIELD[0]: "#62b8a0", FIELD[1]: "#56a892"}
GREY = {SKY[0]: "#9fb4cb", SKY[1]: "#afc2d6", SKY[2]: "#c0cfdf", SUN: "#d8c19a", HILL[0]: "#7f8d7d"}
GREY |= {HILL[1]: "#708070", FIELD[0]: "#a3ad92", FIELD[1]: "#929d83"}

Place = tuple[int, int]


def _square(row: int, column: int, colour: str, x: float, y: float) -> str:
    style = 'class="hidden"' if not colour else f'fill="{colour}"'
    size = PATCH - 1
    return f'<rect {style} x="{x + column * PATCH:g}" y="{y + row * PATCH:g}" width="{size:g}" height="{size:g}"/>'


def _seen(visible: Callable[[Place], bool]) -> Callable[[Place], str]:
    return lambda place: SCENE[place[0]][place[1]] if visible(place) else ""


def _zoomed(place: Place) -> str:
    return GREY[SCENE[(place[0] + 3) // 2][(place[1] + 3) // 2]]


PICTURES: dict[str, Callable[[Place], str]] = {
    "image": _seen(lambda place: True),
    "visible": _seen(lambda place: place in VISIBLE),
    "hidden": _seen(lambda place: place not in VISIBLE),
    "half": _seen(lambda place: place in HALF),
    "blocks": _seen(lambda place: place not in BLOCKS),
    "cells": _seen(lambda place: (place[0] // 2, place[1] // 2) not in CELLS),
    "hidden-cells": _seen(lambda place: (place[0] // 2, place[1] // 2) in CELLS),
    "unimportant": _seen(lambda place: place in CHOSEN),
    "important": _seen(lambda place: place not in CHOSEN),
    "wrong": lambda place: WRONG.get(place, SCENE[place[0]][place[1]]),
    "replaced": lambda place: "#d9573f" if place in WRONG else "#e8ebef",
    "strong": lambda place: STRONG[SCENE[place[0]][place[1]]],
    "degraded": _zoomed,
    "tokens": _seen(lambda place: True),
}


def _codes(x: float, y: float) -> str:
    """Return numbers in coarse squares, as a tokenizer would give them."""
    size, parts = SIDE / 3, []
    for index, code in enumerate((17, 17, 83, 60, 17, 61, 42, 60, 42)):
        row, column = divmod(index, 3)
        left, top = x + column * size, y + row * size
        parts.append(
            f'<rect class="box frozen" style="stroke-dasharray:none" x="{left:g}" y="{top:g}" '
            f'width="{size - 2:g}" height="{size - 2:g}"/>'
        )
        parts.append(
            f'<text class="note" x="{left + size / 2 - 1:g}" y="{top + size / 2 + 3:g}" '
            f'text-anchor="middle">{code}</text>'
        )
    return "\n".join(parts)


def tiles(picture: str, x: float, y: float) -> str:
    """Return a picture with its upper left corner at ``x``, ``y``."""
    if picture == "tokens":
        return _codes(x, y)
    colour = PICTURES[picture]
    places = [(row, column) for row in range(COUNT) for column in range(COUNT)]
    return "\n".join(_square(*place, colour(place), x, y) for place in places)
