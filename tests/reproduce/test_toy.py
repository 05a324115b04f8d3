from __future__ import annotations

from mmmim.reproduce.recipes import from_folder, recipe_in
from mmmim.reproduce.toy import toy_config


def test_the_twin_at_toy_scale_is_the_one_that_the_config_names() -> None:
    assert toy_config("simmim", "swin-l_800e.py") == "swin-tiny_toy.py"
    assert toy_config("ccmim", "../mae/vit-b_800e.py") == "../mae/vit-tiny_toy.py"
    assert recipe_in("simmim", "downstream/ft_swin-b_100e_inat18.py").toy is None
    assert from_folder("mae", "mae/downstream/x.py") == "downstream/x.py"
