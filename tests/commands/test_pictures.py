from __future__ import annotations

from importlib import import_module

import pytest

from mmmim.commands.pictures import PICTURES


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_are_drawn_by_a_module(picture) -> None:
    assert callable(import_module(f"mmmim.visualization.{picture.module}").draw)
