from __future__ import annotations

from typing import Any

import pytest
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.launch.lr_scaling import scale_lr, short


def config(**changes: Any) -> Config:
    cfg = Config(
        dict(
            train_dataloader=dict(batch_size=32),
            optim_wrapper=dict(optimizer=dict(type="AdamW", lr=1.5e-4)),
            param_scheduler=[
                dict(type="LinearLR", start_factor=1e-3),
                dict(type="CosineAnnealingLR", eta_min=1e-6, eta_min_ratio=None),
                dict(type="CosineAnnealingMomentum", eta_min=0.5),
            ],
            auto_scale_lr=dict(base_batch_size=256, recipe_batch_size=1024),
        )
    )
    cfg.merge_from_dict(changes)
    return cfg


def test_the_headline_recipe() -> None:
    cfg = config()
    scaling = scale_lr(cfg, 32)
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(6e-4, rel=1e-12)
    assert scaling.lines[0] == ("lr 1.5e-4 x 1024/256 = 6e-4 (32 per process x 32 processes x 1 accumulation = 1024)")
    assert scaling.warnings == []


def test_absolute_lrs_of_schedulers_go_along_and_nothing_else() -> None:
    cfg = config()
    scale_lr(cfg, 32)
    linear, cosine, momentum = cfg.param_scheduler
    assert linear.start_factor == 1e-3
    assert cosine.eta_min == pytest.approx(4e-6, rel=1e-12)
    assert momentum.eta_min == 0.5


def test_accumulation_counts() -> None:
    cfg = config(**{"optim_wrapper.accumulative_counts": 4})
    scaling = scale_lr(cfg, 8)
    assert scaling.batch.effective == 1024
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(6e-4, rel=1e-12)


def test_neither_the_runner_nor_a_second_call_scales_again() -> None:
    cfg = config()
    scale_lr(cfg, 8)
    scaled = cfg.optim_wrapper.optimizer.lr
    assert cfg.auto_scale_lr.enable is False
    scale_lr(cfg, 8)
    assert cfg.optim_wrapper.optimizer.lr == scaled


@pytest.mark.parametrize("rule", [None, dict(enable=False, base_batch_size=256, recipe_batch_size=256)])
def test_absolute_lrs_stay(rule: dict | None) -> None:
    cfg = config()
    cfg.auto_scale_lr = rule
    scaling = scale_lr(cfg, 8)
    assert cfg.optim_wrapper.optimizer.lr == 1.5e-4
    assert cfg.param_scheduler[1].eta_min == 1e-6
    assert scaling.batch.effective == 256 and "as written" in scaling.lines[0] and "= 256" in scaling.lines[0]


def test_another_batch_than_the_recipes_is_told_with_a_way_to_it() -> None:
    (warning,) = scale_lr(config(), 8).warnings
    assert "256 differs from the recipe's 1024" in warning and "--accumulate 4" in warning
    (warning,) = scale_lr(config(**{"auto_scale_lr.enable": False}), 48).warnings
    assert "1536" in warning and "not scaled" in warning and "--accumulate" not in warning


def test_several_optimizers() -> None:
    wrappers = dict(
        constructor="SomeConstructor",
        generator=dict(optimizer=dict(lr=1e-3)),
        enhancer=dict(optimizer=dict(lr=3e-3), accumulative_counts=2),
    )
    cfg = config()
    cfg.optim_wrapper = wrappers
    scaling = scale_lr(cfg, 4)
    assert scaling.lrs == pytest.approx({"generator": 1e-3 * 128 / 256, "enhancer": 3e-3 * 256 / 256})


def test_batch_size_of_a_batch_sampler() -> None:
    cfg = config()
    cfg.train_dataloader = dict(batch_sampler=dict(type="Any", batch_size=64))
    assert scale_lr(cfg, 2).batch.effective == 128


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_dataloader.batch_size": None}, "train_dataloader.batch_size is missing"),
        ({"optim_wrapper.optimizer.lr": None}, "optim_wrapper.optimizer.lr is missing"),
        ({"auto_scale_lr": dict(_delete_=True, enable=True)}, "auto_scale_lr.base_batch_size is missing"),
    ],
)
def test_what_is_missing_is_named(changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scale_lr(config(**changes), 1)


@pytest.mark.parametrize(
    ("lr", "text"),
    [
        (1.5e-4, "1.5e-4"),
        (6e-4, "6e-4"),
        (0.1, "0.1"),
        (6.4, "6.4"),
        (1e-10, "1e-10"),
        (0.0, "0"),
        (1 / 3e5, "3.33333e-6"),
    ],
)
def test_short(lr: float, text: str) -> None:
    assert short(lr) == text
