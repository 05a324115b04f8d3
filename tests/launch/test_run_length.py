"""``--epochs`` and ``--iters``: the learning rate takes the config's curve, stretched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

from mmmim.engine.loops.epoch import without_empty_schedulers
from mmmim.errors import UsageError
from mmmim.launch.lr_scaling import schedulers
from mmmim.launch.run_length import length_warnings, use_length

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(p for p in ROOT.glob("configs/**/*.py") if "_base_" not in p.parts and p.name != "tables.py")


def rates(cfg: Config, iterations: int, epoch_length: int) -> list[float]:
    """lr of each iteration, as MMEngine's Runner steps the schedulers."""
    wrapper = OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0))
    length = cfg.train_cfg.get("max_epochs") or cfg.train_cfg.get("max_iters")
    built = []
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope")):
        for scheduler in schedulers(without_empty_schedulers(cfg.param_scheduler, epoch_length)):
            defaults = dict(optimizer=wrapper, epoch_length=epoch_length, end=length)
            built.append(PARAM_SCHEDULERS.build(dict(scheduler), default_args=defaults))
    wrapper.step()
    found = []
    for iteration in range(iterations):
        found.append(wrapper.get_lr()["lr"][0])
        for scheduler in built:
            if not scheduler.by_epoch or (iteration + 1) % epoch_length == 0:
                scheduler.step()
    return found


def config(epochs: int, *param_scheduler: dict[str, Any], **train_cfg: Any) -> Config:
    return Config(dict(train_cfg=dict(max_epochs=epochs, **train_cfg), param_scheduler=list(param_scheduler)))


@pytest.mark.parametrize("epochs", [3, 20, 800])
def test_warm_up_and_cosine_stretch(epochs: int) -> None:
    """60 x 40 steps in each case, so the curve is the same point for point."""
    cfg = Config.fromfile(ROOT / "configs/_base_/schedules/adamw_800e.py")
    expected = rates(cfg, 2400, epoch_length=3)
    use_length(cfg, epochs=epochs)
    assert cfg.train_cfg.max_epochs == epochs
    assert rates(cfg, 2400, epoch_length=2400 // epochs) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_numbers_of_the_toy_run() -> None:
    cfg = Config.fromfile(ROOT / "configs/ccmim/vit-tiny_toy.py")
    use_length(cfg, epochs=20)
    linear, cosine = cfg.param_scheduler
    assert (linear.begin, linear.end) == (0, cosine.begin)
    assert (cosine.begin, cosine.T_max, cosine.end) == (pytest.approx(20 / 6), pytest.approx(100 / 6), 20)
    assert rates(cfg, 320, 16)[-1] < 1e-4 < 0.99 < rates(cfg, 320, 16)[53]


def test_schedules_of_simmim_stretch() -> None:
    shared = dict(warmup=10, warmup_lr=1e-3, end=800, convert_to_iter_based=True)
    for own in (dict(type="mmmim.WarmupCosineLR"), dict(type="mmmim.WarmupStepLR", milestones=[700, 750])):
        cfg = config(800, {**own, **shared})
        expected = rates(cfg, 3200, epoch_length=4)
        use_length(cfg, epochs=5)
        assert rates(cfg, 3200, epoch_length=640) == expected


def test_validation_and_schedulers_by_epoch_keep_whole_numbers() -> None:
    steps = dict(type="MultiStepLR", milestones=[9, 11], end=12)
    cfg = config(12, dict(type="LinearLR", by_epoch=False, begin=0, end=500), steps, val_interval=5, val_begin=1)
    use_length(cfg, epochs=20)
    warmup, steps = cfg.param_scheduler
    assert (warmup.begin, warmup.end) == (0, 833)
    assert (steps.milestones, steps.end) == ([15, 18], 20)
    assert (cfg.train_cfg.val_interval, cfg.train_cfg.val_begin) == (8, 2)
    before, after = rates(cfg, 400, 20)[299:301]  # 15 epochs
    assert (before, after) == pytest.approx((1 / 3 + 299 / 832 * 2 / 3, 0.1 * (1 / 3 + 300 / 832 * 2 / 3)))
    short = config(12, dict(type="MultiStepLR", milestones=[9], end=12), val_interval=5)
    use_length(short, epochs=1)
    assert short.train_cfg.val_interval == 1


def test_iterations() -> None:
    cfg = Config.fromfile(ROOT / "configs/_base_/schedules/seg_adamw_160k.py")
    expected = rates(cfg, 160_000, 1)
    use_length(cfg, iters=320_000)
    warmup, poly = cfg.param_scheduler
    assert (warmup.end, poly.begin, poly.end, cfg.train_cfg.val_interval) == (3000, 3000, 320_000, 32_000)
    assert rates(cfg, 320_000, 1)[3000::2][:1000] == pytest.approx(expected[1500:2500], rel=1e-6)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_shipped_configs_end_with_their_schedules_at_any_length(path: Path) -> None:
    cfg = Config.fromfile(path)
    assert length_warnings(cfg) == []
    for length in (max(cfg.train_cfg.get("max_epochs") or 0, 0) * 2 + 1, 2):
        if "max_epochs" in cfg.train_cfg:
            use_length(cfg, epochs=length)
        else:
            use_length(cfg, iters=1000 * length)
        assert length_warnings(cfg) == []
        rates(cfg, 20, 10)


@pytest.mark.parametrize(
    ("train_cfg", "given", "message"),
    [
        (dict(max_iters=300), dict(epochs=20), r"--epochs 20: .*train_cfg.max_iters=300: use --iters N"),
        (dict(max_epochs=300), dict(iters=20), r"--iters 20: .*train_cfg.max_epochs=300: use --epochs N"),
        (dict(max_epochs=300), dict(epochs=0), "--epochs 0: at least 1"),
        (dict(max_epochs=300), dict(epochs=2), "--epochs 2 leaves nothing of CosineAnnealingLR"),
    ],
)
def test_what_cannot_be_is_refused(train_cfg: dict, given: dict, message: str) -> None:
    cfg = Config(
        dict(
            train_cfg=train_cfg,
            param_scheduler=[dict(type="LinearLR", end=299), dict(type="CosineAnnealingLR", begin=299, end=300)],
        )
    )
    with pytest.raises(UsageError, match=message):
        use_length(cfg, **given)


COSINE = dict(type="CosineAnnealingLR", begin=5, end=100)
WARMUP = dict(type="LinearLR", end=5)


@pytest.mark.parametrize(
    ("epochs", "param_scheduler", "remark"),
    [
        (100, [WARMUP, COSINE], None),
        (20, [WARMUP, COSINE], "train_cfg.max_epochs=20, but the schedulers end at 100: the run stops"),
        (200, [WARMUP, COSINE], "the lr stays where it is for the rest; --epochs 200 in place of train_cfg.max_epochs"),
        (200, [WARMUP], None),  # constant after its warm-up
        (200, [WARMUP, dict(type="CosineAnnealingLR", begin=5)], None),  # the Runner fills in its end
        (200, [dict(type="PolyLR", by_epoch=False, end=100)], None),  # as many epochs as the data has it
        (200, dict(type="mmmim.WarmupCosineLR", warmup=5, end=100), "end at 100"),
        (200, dict(first=[WARMUP, COSINE], second=[COSINE]), "end at 100"),
        (200, None, None),
    ],
)
def test_another_end_than_the_schedulers_is_told(epochs: int, param_scheduler: Any, remark: str | None) -> None:
    warnings = length_warnings(Config(dict(train_cfg=dict(max_epochs=epochs), param_scheduler=param_scheduler)))
    assert len(warnings) == (remark is not None)
    assert remark is None or remark in warnings[0]
