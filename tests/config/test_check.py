from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from shipped import shipped

from mmmim import compat
from mmmim.config.check import check_config, config_problems
from mmmim.errors import UsageError

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(p for p in ROOT.glob("configs/**/*.py") if "_base_" not in p.parts and p.name != "tables.py")
compat.setup()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_shipped_configs_have_no_problem(path: Path) -> None:
    assert config_problems(Config.fromfile(path)) == []


@pytest.mark.parametrize("package", ["mmseg", "mmdet"])
def test_no_false_alarm_on_the_hosts_own_configs(package: str) -> None:
    import importlib

    folder = Path(str(importlib.import_module(package).__file__)).parent / ".mim/configs"
    names = {
        "mmseg": [
            "upernet/upernet_r50_4xb2-40k_cityscapes-512x1024.py",
            "knet/knet-s3_r50-d8_upernet_8xb2-adamw-80k_ade20k-512x512.py",
        ],
        "mmdet": [
            "mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py",
            "detr/detr_r50_8xb2-150e_coco.py",
            "yolox/yolox_s_8xb8-300e_coco.py",
        ],
    }
    for name in names[package]:
        assert config_problems(Config.fromfile(folder / name)) == [], name


UPERNET = "ccmim/downstream/upernet_vit-tiny_toy.py"


LOADER = dict(
    batch_size=2,
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(type="ConcatDataset", datasets=[dict(type="ToyImages", transforms=[dict(type="CenterCrop", size=8)])]),
)
# Where a config may have dataloaders, evaluators and transforms beside the sections of the Runner. Of each place:
# what stands there, given a loader and a metric.
PLACES: dict[str, Any] = {
    "hook": lambda loader, metric: dict(
        custom_hooks=[dict(type="KNNHook", train_dataloader=loader, test_dataloader=loader)]
    ),
    "hook of another project": lambda loader, metric: dict(
        custom_hooks=[dict(type="EvaluationOfMany", dataloaders=[loader, loader], val_evaluator=[metric])]
    ),
    "loop": lambda loader, metric: dict(val_cfg=dict(type="ValLoop", dataloader=loader, evaluator=[metric])),
    "loaders by name": lambda loader, metric: dict(
        custom_hooks=[dict(type="EvaluationOfMany", dataloaders=dict(a=loader, b=loader), evaluator=metric)]
    ),
    "evaluator": lambda loader, metric: dict(
        train_dataloader=loader, val_evaluator=dict(type="Evaluator", metrics=[metric])
    ),
}
METRIC = dict(type="Accuracy", topk=(1,))
MISSPELT_DATA = [
    ("sampler", dict(type="EpochSample"), "no data sampler of that name is registered; did you mean 'EpochSampler'"),
    ("sampler", dict(type="KNNHook"), "no data sampler of that name"),
    ("sampler", dict(type="EpochSampler", shufle=True), "did you mean 'shuffle'"),
    ("batch_sampler", dict(type="EpochSampler", shufle=True), "did you mean 'shuffle'"),
    ("batch_sampler", dict(type="ToyImages"), "no data sampler of that name"),
    ("collate_fn", dict(type="default_colate"), "'default_collate'"),
    ("worker_init_fn", dict(type="ToyImages"), "no function of that name"),
    ("num_worker", 3, "did you mean 'num_workers'"),
    ("dataset", dict(type="ToyImage"), "no dataset of that name is registered; did you mean 'ToyImages'"),
    ("dataset", dict(type="ToyImages", transforms=[dict(type="CenterCop")]), "'CenterCrop'"),
    ("dataset", dict(type="ConcatDataset", datasets=[dict(type="ToyImages", num_image=1)]), "'num_images'"),
]


@pytest.fixture
def hook_of_another_project() -> Iterator[None]:
    class EvaluationOfMany(Hook):
        def __init__(self, dataloaders: Any, **evaluators: Any) -> None:
            pass

    HOOKS.register_module(module=EvaluationOfMany)
    yield
    del HOOKS.module_dict["EvaluationOfMany"]


@pytest.mark.parametrize("place", PLACES)
def test_data_is_looked_up_as_data_wherever_it_stands(place: str, hook_of_another_project: None) -> None:
    base = shipped()

    def problems_with(loader: dict[str, Any], metric: dict[str, Any] = METRIC) -> list[str]:
        cfg = copy.deepcopy(base)
        for section, value in PLACES[place](dict(LOADER, **loader), metric).items():
            cfg[section] = value
        return config_problems(cfg)

    assert problems_with({}) == []
    for key, value, expected in MISSPELT_DATA:
        problems = problems_with({key: value})
        assert problems and all(key in problem and expected in problem for problem in problems), problems
    if place != "hook":
        (problem,) = problems_with({}, dict(type="Acuracy"))
        assert "no metric of that name is registered; did you mean 'Accuracy'" in problem


def test_settings_that_a_file_of_another_project_repeats_are_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text('_base_ = "mmseg::fcn/fcn_r50-d8_4xb4-160k_ade20k-512x512.py"', encoding="utf-8")
    assert config_problems(Config.fromfile(file)) == []


def test_transforms_of_test_time_augmentation_are_checked() -> None:
    cfg = shipped(UPERNET)
    assert config_problems(shipped(UPERNET, tta_pipeline=[dict(type="LoadImageFromFile")])) == []
    cfg.tta_pipeline = [
        dict(type="TestTimeAug", transforms=[[dict(type="RandomFlp", prob=0.0)], [dict(type="LoadAnnotations")]])
    ]
    (problem,) = config_problems(cfg)
    assert "tta_pipeline[0].transforms[0][0].type='RandomFlp': no transform" in problem


def test_all_problems_come_in_one_error() -> None:
    cfg = shipped(**{"model.neck.dim": 3, "model.masker.type": "Importance", "train_dataloder": dict()})
    with pytest.raises(UsageError) as caught:
        check_config(cfg)
    assert len(str(caught.value).splitlines()) == 4


def test_helper_variables_are_nobodys_business() -> None:
    cfg = shipped(**{"my_lr": 1, "img_size": 3, "train_pipeline": [dict(type="Whatever")], "models": 1})
    assert config_problems(cfg) == []
