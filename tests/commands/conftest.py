from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from mmengine.config import Config
from published_mae import own_cache_folder, pictures, publish, trained
from small_pretraining import checkpoint, pretrain_config
from tiny_ccmim import write_config

__all__ = [
    "checkpoint",
    "own_cache_folder",
    "pictures",
    "pretrain_config",
    "publish",
    "trained",
    "write_config",
]

ROOT = Path(__file__).parents[2]
TOY = ROOT / "configs/mae/vit-tiny_toy.py"
_numbers = itertools.count()


@pytest.fixture
def tool() -> Callable[..., int]:
    """``tool("train", *arguments)``: the tool in this process; returns its exit status."""

    def call(name: str, *arguments: object) -> int:
        from mmengine.logging import MessageHub, MMLogger
        from mmengine.visualization import Visualizer

        for manager in (
            MessageHub,
            Visualizer,
            *Visualizer.__subclasses__(),
            MMLogger,
        ):  # found again by a name with the second in it
            manager._instance_dict.clear()
        return import_module(f"mmmim.commands.{name}").main([str(argument) for argument in arguments])

    return call


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Path]:
    """``toy(**changes)``: path of a copy of MAE's toy config that trains 2 epochs of 4 steps in a second or two."""

    def write(**changes: object) -> Path:
        cfg = Config.fromfile(TOY)
        number = next(_numbers)
        cfg.merge_from_dict(
            {
                "work_dir": str(tmp_path / "work"),
                "experiment_name": f"toy{number}",
                "log_level": "WARNING",
                "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=1, num_heads=2),
                "model.backbone.img_size": 32,
                "model.neck.dims": 16,
                "model.neck.depth": 1,
                "model.neck.num_heads": 2,
                "train_dataloader.batch_size": 4,
                "train_dataloader.num_workers": 0,
                "train_dataloader.persistent_workers": False,
                "train_dataloader.dataset.num_images": 16,
                "train_dataloader.dataset.img_size": 32,
                "train_dataloader.dataset.transforms.0.size": 32,
                "param_scheduler.1.T_max": 1,
                "param_scheduler.1.end": 2,
                "optim_wrapper.optimizer.lr": 4e-3,
                "train_cfg.max_epochs": 2,
                "default_hooks.checkpoint": dict(by_epoch=False, interval=-1, rolling_interval=1),
                "auto_scale_lr.recipe_batch_size": 4,
                "custom_hooks": [dict(type="StepLossHook")],
                **changes,
            }
        )
        path = tmp_path / f"toy{number}.py"
        cfg.dump(path)
        return path

    return write


@pytest.fixture
def step_losses() -> Callable[[Path], list[dict[str, float]]]:
    def read(work_dir: Path) -> list[dict[str, float]]:
        return [
            json.loads(line) for line in Path(work_dir, "step_losses.jsonl").read_text(encoding="utf-8").splitlines()
        ]

    return read


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """The toy fine-tuning config on few pictures, for the backbone of ``configs/mae/vit-tiny_toy.py``."""
    text = f'''_base_ = "{ROOT}/configs/ccmim/downstream/ft_vit-tiny_toy.py"
work_dir = "{tmp_path}/classifier"
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(num_images=8))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(num_images=16))
test_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(num_images=16))
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
'''
    path = tmp_path / "classifier.py"
    path.write_text(text, encoding="utf-8")
    return path
