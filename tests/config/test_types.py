from __future__ import annotations

from typing import Any

import pytest
from shipped import shipped

from mmmim.config.check import config_problems

UPERNET = "ccmim/downstream/upernet_vit-tiny_toy.py"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        # types, at the top, nested, and in the scope of another framework
        ("ccmim/vit-tiny_toy.py", {"model.type": "CCMMI"}, ["model.type='CCMMI'", "'CCMIM'"]),
        ("ccmim/vit-tiny_toy.py", {"model.neck.type": "MAEDecodr"}, ["model.neck.type", "'MAEDecoder'"]),
        ("ccmim/vit-tiny_toy.py", {"model.neck.type": "Frobnicator"}, ["model.neck.type='Frobnicator'"]),
        ("ccmim/vit-tiny_toy.py", {"optim_wrapper.optimizer.type": "AdamWW"}, ["optimizer.type", "'AdamW'"]),
        ("ccmim/vit-tiny_toy.py", {"param_scheduler.1.type": "CosineLR"}, ["param_scheduler[1].type", "LR'"]),
        ("ccmim/vit-tiny_toy.py", {"train_dataloader.sampler.type": "EpochSample"}, ["'EpochSampler'"]),
        ("ccmim/vit-tiny_toy.py", {"default_hooks.checkpoint.type": "SafeCheckpoint"}, ["'SafeCheckpointHook'"]),
        ("ccmim/vit-tiny_toy.py", {"model.neck.type": "nopackage.Neck"}, ["package 'nopackage' is not installed"]),
        (UPERNET, {"model.backbone.type": "ViT"}, ["model.backbone.type='ViT'", "'mmmim.ViT'"]),
        (UPERNET, {"model.decode_head.type": "UPerHed"}, ["'UPerHead'"]),
        # arguments
        ("ccmim/vit-tiny_toy.py", {"model.masker.scor": 1}, ["model.masker.scor=1", "takes no such argument"]),
        ("ccmim/vit-tiny_toy.py", {"model.contrast_wieght": 0.1}, ["model.contrast_wieght", "'contrast_weight'"]),
        ("ccmim/vit-tiny_toy.py", {"optim_wrapper.optimizer.weight_decy": 0}, ["'weight_decay'"]),
        ("ccmim/vit-tiny_toy.py", {"optim_wrapper.clip_gard": dict()}, ["optim_wrapper.clip_gard", "'clip_grad'"]),
        ("ccmim/vit-tiny_toy.py", {"train_cfg.max_epoch": 3}, ["train_cfg.max_epoch=3", "'max_epochs'"]),
        (UPERNET, {"model.backbone.drop_path": 0.1}, ["model.backbone.drop_path", "'drop_path_rate'"]),
        # sections without a class, and the top level
        ("ccmim/vit-tiny_toy.py", {"train_dataloader.num_worker": 3}, ["'num_workers'"]),
        ("ccmim/vit-tiny_toy.py", {"auto_scale_lr.base_batchsize": 3}, ["auto_scale_lr.base_batchsize"]),
        ("ccmim/vit-tiny_toy.py", {"randomness.sed": 3}, ["randomness.sed", "'seed'"]),
        ("ccmim/vit-tiny_toy.py", {"param_schedulers": []}, ["param_schedulers", "'param_scheduler'"]),
        ("ccmim/vit-tiny_toy.py", {"optim_wraper": {}}, ["optim_wraper", "'optim_wrapper'"]),
        ("ccmim/vit-tiny_toy.py", {"vis_backends": [dict(type="LocalVisBackend")] * 2}, ["set visualizer=dict(vis_"]),
    ],
)  # fmt: skip
def test_misspelt(name: str, changes: dict[str, Any], expected: list[str]) -> None:
    problems = config_problems(shipped(name, **changes))
    assert len(problems) == 1, problems
    for part in expected:
        assert part in problems[0]
