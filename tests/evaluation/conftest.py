import itertools
import json
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image
from small_pretraining import checkpoint, pretrain_config

from mmmim.launch.building import CheckedRunner

__all__ = ["checkpoint", "pretrain_config"]

RUNTIME = Path(__file__).parents[2] / "configs/_base_/default_runtime.py"
_numbers = itertools.count()


@pytest.fixture
def class_folder(tmp_path):
    for split in ("train", "val"):
        for number, name in enumerate(("ant", "bee")):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (40, 48), (100 * number, 20 * i, 5)).save(folder / f"{i}.png")
    return tmp_path / "images"


@pytest.fixture
def classifier_config(pretrain_config, class_folder):
    """A probe with the encoder of the pre-training config, on folders of its own."""

    def loader(split, transforms):
        dataset = dict(type="ImageFolder", root=f"{class_folder}/{split}", labelled=True, transforms=transforms)
        return dict(batch_size=4, num_workers=0, dataset=dataset)

    cfg = Config.fromfile(pretrain_config)
    cfg.model = dict(
        type="ImageClassifier",
        backbone=dict(cfg.model.backbone, out_type="avg"),
        head=dict(type="LinearClsHead", num_classes=2, in_channels=32),
        data_preprocessor=cfg.model.data_preprocessor,
    )
    cfg.train_dataloader = loader("train", [dict(type="RandomResizedCrop", size=32)])
    cfg.val_dataloader = loader("val", [dict(type="Resize", size=[32, 32]), dict(type="CenterCrop", size=32)])
    return cfg


@pytest.fixture
def scope():
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmmim"):
        yield


@pytest.fixture
def watched_run(pretrain_config, tmp_path):
    """``watched_run(*hooks)``: a training of 2 epochs of 5 steps with these hooks; returns its Runner and scalars."""

    def run(*hooks, **changes):
        cfg = Config.fromfile(RUNTIME)
        cfg.merge_from_dict(Config.fromfile(pretrain_config)._cfg_dict)
        name = f"watched{next(_numbers)}"
        cfg.merge_from_dict(
            dict(
                work_dir=str(tmp_path / name),
                experiment_name=name,
                log_level="WARNING",
                train_cfg=dict(_delete_=True, type="EpochTrainLoop", max_epochs=2),
                custom_hooks=list(hooks),
                default_hooks=dict(checkpoint=dict(interval=-1, rolling_interval=-1, save_last=False)),
                **changes,
            )
        )
        runner = CheckedRunner.from_cfg(cfg)
        runner.train()
        (file,) = (tmp_path / name).glob("*/vis_data/scalars.json")
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return runner, [line for line in lines if "loss" not in line]

    return run
