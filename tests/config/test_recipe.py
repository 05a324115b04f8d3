"""What a config says of its run is true, and is what commands act on."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmmim import compat
from mmmim.config.check import config_problems
from mmmim.config.recipe import recipe_of
from mmmim.errors import UsageError
from mmmim.reproduce.command import TOOLS

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.py")
    if "_base_" not in path.parts and path.name != "tables.py"
)
TASKS = {
    "ft": "finetune",
    "ft384": "finetune",
    "ft96": "finetune",
    "lowshot1": "finetune",
    "lowshot10": "finetune",
    "scratch": "finetune",
    "scratch10": "finetune",
    "linear": "probe",
    "layerwise": "probe",
    "attentive": "probe",
    "nonlinear": "probe",
    "nonlinear2": "probe",
    "nonlinear4": "probe",
    "knn": "knn",
    "upernet": "segmentation",
    "fpn": "segmentation",
    "fcn": "segmentation",
    "linear-seg": "segmentation",
    "mask-rcnn": "detection",
}
compat.setup()


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / name, import_custom_modules=False)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_config_says_what_its_name_says(name: str) -> None:
    recipe, path = recipe_of(load(name)), Path(name)
    assert recipe.task == (TASKS[path.stem.split("_")[0]] if "downstream" in path.parts else "pretrain")
    assert recipe.scale == ("toy" if path.stem.endswith("_toy") else "full")
    if recipe.toy is not None and recipe.toy not in TOOLS:
        twin = recipe_of(load(recipe.toy))
        assert (twin.scale, twin.task) == ("toy", recipe.task)
    if recipe.after is not None:
        assert recipe_of(load(recipe.after)).task == "finetune"


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        (dict(task="finetuning"), "recipe.task='finetuning' is unknown; did you mean 'finetune'?"),
        (dict(scale="small"), "recipe.scale='small' is unknown"),
        (dict(tow="mae/vit-tiny_toy.py"), "recipe.tow: no such key; did you mean 'toy'?"),
    ],
)
def test_a_wrong_recipe_is_refused(recipe: dict[str, str], problem: str) -> None:
    cfg = load("mae/vit-tiny_toy.py")
    cfg.merge_from_dict(dict(recipe=recipe))
    (found,) = config_problems(cfg)
    assert problem in found


def test_a_config_needs_none_until_it_is_asked() -> None:
    cfg = load("mae/vit-tiny_toy.py")
    cfg.pop("recipe")
    assert config_problems(cfg) == []
    with pytest.raises(UsageError, match=r"recipe\.task is missing.*one of pretrain"):
        recipe_of(cfg)
