from __future__ import annotations

import pytest

from mmmim.errors import UsageError
from mmmim.reproduce.recipes import from_folder, recipe_in, told_by


def test_a_recipe_is_read_by_path_and_by_method() -> None:
    told = told_by("configs/mae/vit-tiny_toy.py")
    assert told.task == "pretrain" and recipe_in("mae", "vit-tiny_toy.py") == told
    assert recipe_in("ccmim", "downstream/ft_vit-tiny_toy.py").task != "pretrain"
    assert told_by("configs/mae/vit-tiny_toy.py") is told  # read once


def test_paths_begin_at_the_folder_of_the_method() -> None:
    assert from_folder("mae", "mae/vit-b_800e.py") == "vit-b_800e.py"
    assert from_folder("beit", "mae/downstream/ft.py") == "../mae/downstream/ft.py"


def test_a_config_that_is_not_there() -> None:
    with pytest.raises((FileNotFoundError, UsageError), match="no-such"):
        told_by("configs/mae/no-such.py")
