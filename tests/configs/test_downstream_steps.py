"""One recipe of each family, everything in it but a small encoder and small built-in pictures, takes real steps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.launch.lr_scaling import scale_lr
from mmmim.launch.options import use_checkpoint

CONFIGS = Path(__file__).parents[2] / "configs"
VIT = dict(arch=dict(embed_dims=64, depth=2, num_heads=2), img_size=64, patch_size=8)
SWIN = dict(arch=dict(embed_dims=16, depths=(2, 2), num_heads=(1, 2)), img_size=64, patch_size=4, window_size=8)
RESNET = dict(depth=dict(block="bottleneck", depths=(1, 1, 1, 1), channels=8), img_size=64)
CASES = {
    "beit/downstream/ft_vit-b_100e_in1k": (VIT, 64),
    "beyond_masking/downstream/ft_vit-b_100e_in1k": (VIT, 64),
    "simmim/downstream/ft_swin-b_224_100e_in1k": (SWIN, 32),
    "simmim/downstream/ft_swinv2-h_224_50e_in1k": (dict(SWIN, pretrained_window_sizes=(4, 4)), 32),
    "simmim/downstream/linear_vit-b_100e_in1k": (dict(VIT, out_indices=[0], frozen_stages=2), 64),
    "cim/downstream/ft_resnet50_300e_in1k": (RESNET, 256),
}


def small(name: str, encoder: dict[str, Any], features: int, work_dir: Path) -> Config:
    cfg = Config.fromfile(CONFIGS / f"{name}.py")
    cfg.model.backbone.update(encoder)
    cfg.model.head.update(num_classes=8, in_channels=features)
    if "batch_augment" in cfg.model.data_preprocessor:
        cfg.model.data_preprocessor.batch_augment.num_classes = 8
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        transforms = [dict(each, size=64) if "size" in each else each for each in loader.dataset.transforms]
        loader.dataset = dict(type="ToyImages", num_images=8, img_size=64, transforms=transforms)
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
    use_checkpoint(cfg, "none")
    scale_lr(cfg, 1)
    hooks = [dict(type="StepLossHook"), *cfg.custom_hooks]
    cfg.merge_from_dict(dict(work_dir=str(work_dir), experiment_name=work_dir.name, log_level="WARNING"))
    cfg.merge_from_dict(dict(train_cfg=dict(max_epochs=2, val_interval=2), custom_hooks=hooks))
    return cfg


@pytest.mark.parametrize("name", CASES)
def test_steps_and_accuracy(name: str, tmp_path: Path) -> None:
    encoder, features = CASES[name]
    runner = Runner.from_cfg(small(name, encoder, features, tmp_path / Path(name).name))
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    lines = Path(runner.work_dir, "step_losses.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    chance = math.log(2) if "resnet" in name else math.log(8)
    assert len(losses) == 4 and all(map(math.isfinite, losses)) and losses[0] == pytest.approx(chance, abs=0.15)
    moved = {key for key, value in runner.model.state_dict().items() if not value.equal(before[key])}
    assert "head.fc.weight" in moved and any(key.startswith("backbone.") for key in moved) == ("ft_" in name)
    assert 0 <= runner.message_hub.get_scalar("val/accuracy/top1").current() <= 100
