"""The slow encoder of ConMIM through the Runner: moved once per optimizer step, saved, resumed bit by bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.runner import Runner
from tiny_run import STEP_LOSSES, losses, state, tiny_config

BATCHES, BATCH = 5, 4
MODEL = dict(
    type="ConMIM",
    _delete_=True,
    backbone=dict(type="BEiTViT", arch=dict(embed_dims=16, depth=2, num_heads=2), img_size=32, patch_size=8),
    masker=dict(type="RandomMasker", mask_ratio=0.75),
    neck=dict(type="PatchProjector", hidden=16),
    target_generator=dict(type="MomentumEncoder", dims=8, start=0.9),
    head=dict(type="PatchContrastHead"),
    key_view=dict(type="PhotometricView"),
    data_preprocessor=dict(type="ImagePreprocessor"),
)
HOOK = dict(type="MomentumUpdateHook")


def config(folder: Path, accumulation: int = 1, hooks: list[dict] | None = None, **changes: Any) -> Any:
    data = dict(type="ToyImages", num_images=BATCHES * BATCH, img_size=32, _delete_=True)
    return tiny_config(
        folder,
        **{
            "model": MODEL,
            "train_dataloader.dataset": data,
            "optim_wrapper.accumulative_counts": accumulation,
            "custom_hooks": [STEP_LOSSES, HOOK] if hooks is None else hooks,
            "default_hooks.checkpoint.by_epoch": False,
            **changes,
        },
    )


def train(folder: Path, **changes: Any) -> Runner:
    runner = Runner.from_cfg(config(folder, **changes))
    runner.train()
    return runner


@pytest.mark.parametrize("accumulation", [1, 3])
def test_slow_encoder_follows_optimizer_steps(tmp_path: Path, accumulation: int) -> None:
    runner = Runner.from_cfg(config(tmp_path, accumulation))
    model: Any = runner.model
    slow, total = model.target_generator, math.ceil(3 * BATCHES / accumulation)
    moves: list[tuple[int, int]] = []
    expected = {name: p.detach().clone() for name, p in slow.named_parameters()}
    update, announce, announced = slow.update, slow.set_step, [(-1, -1)]

    def set_step(step: int, all_steps: int) -> None:
        announced.append((step, all_steps))
        announce(step, all_steps)

    def recorded() -> None:
        step, _ = announced[-1]
        moves.append(announced[-1])
        update()
        alpha = 1 - 0.05 * (1 + math.cos(math.pi * step / total))
        trained = {f"backbone.{n}": p for n, p in model.backbone.named_parameters()}
        trained |= {f"neck.{n}": p for n, p in model.neck.named_parameters()}
        for name, value in expected.items():
            expected[name] = alpha * value + (1 - alpha) * trained[name].detach()

    slow.update, slow.set_step = recorded, set_step
    runner.train()
    assert moves == [(step, total) for step in range(total)]
    for name, parameter in slow.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)
    untouched = [p for p in slow.parameters() if p not in runner.optim_wrapper.optimizer.state]
    assert len(untouched) == len(list(slow.parameters()))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_resumed_run_is_the_same(tmp_path: Path, accumulation: int) -> None:
    straight = train(tmp_path / "straight", accumulation=accumulation)
    changes = {"default_hooks.checkpoint.interval": 2}
    train(tmp_path / "cut", accumulation=accumulation, **changes, **{"train_cfg.stop_after": 8})
    resumed = train(tmp_path / "cut", accumulation=accumulation, **changes, resume=True)
    assert losses(tmp_path / "straight") == losses(tmp_path / "cut")
    first, second = state(straight), state(resumed)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(
        not torch.equal(value, first[f"target_generator.{name}"])
        for name, value in first.items()
        if name.startswith("backbone.")
    )


def test_hook_without_slow_encoder(tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(tmp_path, custom_hooks=[HOOK]))
    with pytest.raises(ValueError, match="no target_generator of type MomentumEncoder"):
        runner.train()
