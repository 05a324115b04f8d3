"""A warm-up counted in epochs shrinks with the data: plans and runs say so where it matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.launch.lr_scaling import BatchSize
from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare
from mmmim.launch.run_length import use_length
from mmmim.launch.schedule import warmup_warnings
from mmmim.plan.dry_run import dry_run

CONFIGS = Path(__file__).parents[2] / "configs"
TOY = str(CONFIGS / "simmim/vit-tiny_toy.py")


def test_what_is_left_of_30000_updates() -> None:
    """SwinV2-G's 4 epochs: 30,000 updates of 70 million private images, 556 of ImageNet-1K."""
    cfg, batch = load_config(str(CONFIGS / "simmim/swinv2-g_20e.py")), BatchSize(36, 256, 1)
    (warning,) = warmup_warnings(cfg, 1_281_167, batch)
    assert "556 updates on these 1,281,167 images" in warning and "70,000,000 images make 30,380" in warning
    assert warmup_warnings(cfg, 70_000_000, batch) == warmup_warnings(cfg, None, batch) == []
    assert warmup_warnings(cfg, 1_281_167, BatchSize(36, 4, 1)) == []  # 35,588 smaller updates
    assert len(warmup_warnings(cfg, 1_281_167, BatchSize(9, 256, 4))) == 1
    use_length(cfg, epochs=1100)  # what the warning proposes
    assert warmup_warnings(cfg, 1_281_167, batch) == []


@pytest.mark.parametrize(
    ("name", "images", "warned"),
    [
        ("ccmim/vit-b_800e.py", 100_000, True),
        ("ccmim/vit-b_800e.py", 1_000_000, False),
        ("ccmim/vit-tiny_toy.py", 100, False),  # a recipe for no number of images in particular
        ("ccmim/downstream/upernet_vit-b_160k_ade20k.py", 100, False),  # counted in updates
    ],
)
def test_other_recipes(name: str, images: int, warned: bool) -> None:
    assert bool(warmup_warnings(load_config(str(CONFIGS / name)), images, BatchSize(32, 32, 1))) == warned


def test_a_plan_says_so() -> None:
    cfg = load_config(TOY, {"auto_scale_lr.recipe_num_images": 1_000_000})
    assert (
        "the warm-up has 64 updates on these 4,096 images" in dry_run(prepare(cfg, Settings(planned=True))).warnings[-1]
    )
