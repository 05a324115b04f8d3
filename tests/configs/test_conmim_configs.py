"""Shipped configs of ConMIM against the numbers of the paper's Table 10 and of the authors' repository."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from shipped import Shipped, build, count
from torch import nn

from mmmim.launch.lr_scaling import BatchSize, scale_lr
from mmmim.launch.schedule import schedule_of
from mmmim.registry import MODELS, PARAM_SCHEDULERS
from mmmim.reproduce.tables import find_table, load_tables

IMAGES, STEPS = 1_281_167, 625  # of ImageNet; per epoch at batch 2048
RECIPES = ["vit-s_300e", "vit-b_300e", "vit-b_800e", "vit-l_800e", "vit-l_1600e"]
each_recipe = pytest.mark.parametrize("name", RECIPES)


SHIPPED = Shipped("conmim")
load, ablation = SHIPPED.load, SHIPPED.row


@pytest.mark.parametrize(
    ("name", "encoder", "projector"),
    [
        ("vit-s_300e", 21_599_400, 19_415_040),
        ("vit-b_800e", 85_666_128, 20_987_904),
        ("vit-l_800e", 303_137_216, 22_036_480),
    ],
)
def test_parameters(name: str, encoder: int, projector: int) -> None:
    model = build(load(name))
    assert (count(model.backbone), count(model.neck)) == (encoder, projector)
    slow = model.target_generator
    assert (count(slow.backbone), count(slow.neck)) == (encoder, projector)
    assert not any(p.requires_grad for p in slow.parameters())


@each_recipe
def test_recipe(name: str) -> None:
    config, large = load(name), name.startswith("vit-l")
    scaling = scale_lr(config, world_size=32 if large else 16)
    assert scaling.batch.effective == config.auto_scale_lr.recipe_batch_size == 2048 and not scaling.warnings
    wrapper = config.optim_wrapper
    assert wrapper.optimizer.lr == (7.5e-4 if large else 5e-4)
    assert (wrapper.optimizer.betas, wrapper.optimizer.eps, wrapper.optimizer.weight_decay) == ((0.9, 0.98), 1e-8, 0.05)
    assert wrapper.clip_grad == dict(max_norm=1.0 if large else 3.0)
    assert config.model.backbone.drop_path_rate == (0.1 if name == "vit-s_300e" else 0.0)
    assert config.model.backbone.layer_scale == (1e-5 if large else 0.1)
    assert config.default_hooks.momentum.type == "MomentumUpdateHook" and not config.custom_hooks
    schedule = schedule_of(config, IMAGES, BatchSize(scaling.batch.per_process, scaling.batch.processes, 1))
    epochs = config.train_cfg.max_epochs
    assert (schedule.steps_per_epoch, schedule.iterations, schedule.warmup_iterations) == (STEPS, STEPS * epochs, 6250)
    crop, flip = config.train_dataloader.dataset.transforms
    assert (crop.scale, crop.ratio, crop.interpolation) == ((0.08, 1.0), (3 / 4, 4 / 3), "bicubic") and flip.p == 0.5


def test_learning_rates_of_800_epochs() -> None:
    config = load("vit-b_800e")
    scale_lr(config, world_size=16)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.optim_wrapper.optimizer.lr)
    scheduler = PARAM_SCHEDULERS.build(
        dict(config.param_scheduler),
        default_args=dict(optimizer=optimizer, epoch_length=STEPS, end=config.train_cfg.max_epochs),
    )
    warmup, total = 10 * STEPS, 800 * STEPS
    assert (scheduler.warmup, scheduler.end) == (warmup, total) == (6_250, 500_000)
    for step, rate in [
        (0, 0.0),
        (1, 5e-4 / 6249),
        (warmup - 1, 5e-4),
        (warmup, 5e-4),
        ((warmup + total) // 2, 2.55e-4),
        (total - 1, 1.0000000005e-5),
    ]:
        assert scheduler._lr(step, 5e-4) == pytest.approx(rate, rel=1e-10), step


@each_recipe
def test_slow_encoder_stays_out_of_the_optimizer_and_weight_decay_spares_vectors_and_class_token(name: str) -> None:
    config = load(name)
    model = build(config)
    settings = dict(config.optim_wrapper, type="OptimWrapper")
    settings.pop("dtype")
    settings["optimizer"] = {k: v for k, v in settings["optimizer"].items() if k != "fused"}
    groups = build_optim_wrapper(model, settings).optimizer.param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {group["lr"] for group in groups} == {config.optim_wrapper.optimizer.lr}
    for name, parameter in model.named_parameters():
        if name.startswith("target_generator."):
            assert id(parameter) not in decay, name
            continue
        expected = 0.0 if parameter.ndim == 1 or name == "backbone.cls_token" else 0.05
        assert decay[id(parameter)] == expected, name
    for name in ("backbone.mask_token", "backbone.rel_pos_bias.relative_position_bias_table"):
        assert decay[id(model.get_parameter(name))] == 0.05


@pytest.mark.parametrize(
    ("config", "hidden"),
    [
        (lambda: load("vit-s_300e"), 147),
        (lambda: load("vit-b_800e"), 148),
        (lambda: load("vit-l_800e"), 148),
        (lambda: ablation("table7", "random-0.6"), 120),
        (lambda: ablation("table7", "random-0.75"), 148),
        (lambda: ablation("table7", "random-0.9"), 180),
        (lambda: ablation("table7", "block-0.4"), 80),
        (lambda: ablation("table7", "block-0.6"), 120),
        (lambda: ablation("table7", "block-0.75"), 148),
        (lambda: ablation("table7", "block-0.9"), 180),
    ],
)
def test_hidden_patches(config: Any, hidden: int) -> None:
    model = build(config())
    assert model.masker.num_hidden(model.backbone.grid_size) == hidden
    images = torch.empty(2, 3, 224, 224)
    mask = model.masker(model.backbone.grid(images), 2, generator=torch.Generator(), device="cpu")
    assert mask.mask.flatten(1).sum(1).tolist() == [hidden, hidden]


@pytest.mark.parametrize(("cell", "counts"), [(16, (79, 118, 147, 177)), (32, (80, 120, 148, 180))])
def test_hidden_patches_of_other_ratios(cell: int, counts: tuple[int, ...]) -> None:
    masker = load("vit-b_800e").model.masker
    for ratio, hidden in zip((0.4, 0.6, 0.75, 0.9), counts, strict=True):
        settings = {**masker, "mask_ratio": ratio, "cell_size": cell, "patch_size": 16}
        assert MODELS.build(settings).num_hidden((14, 14)) == hidden


def test_toys_of_both_strategies_hide_as_many_patches_too() -> None:
    counts: dict[str, list[int]] = {}
    for row in find_table("table7", load_tables("conmim")).rows:
        toy = load("vit-tiny_toy")
        toy.merge_from_dict(copy.deepcopy(row.overrides if row.toy is None else row.toy))
        counts.setdefault(row.name.split("-")[1], []).append(build(toy).masker.num_hidden((8, 8)))
    assert counts == {"0.4": [28], "0.6": [40, 40], "0.75": [48, 48], "0.9": [60, 60]}


def test_tables_change_what_they_say_and_nothing_else() -> None:
    base = load("vit-b_300e").to_dict()
    changes = {
        ("table4", "patch-contrast-no-mask"): {"model.masker", "model.backbone"},  # a mask token would have no gradient
        ("table4", "instance-contrast"): {"model.masker", "model.backbone", "model.neck", "model.head"},
        ("table5", "more"): {"model.head"},
        ("table5", "fewer"): {"model.head"},
        ("table6", "both-strong"): {"model.query_view"},
        ("table6", "both-basic"): {"model.key_view"},
        ("table6", "switched"): {"model.query_view", "model.key_view"},
        ("table6", "no-slow-model"): {"model.target_generator"},
        ("table7", "block-0.6"): {"model.masker"},
        ("table7", "random-0.75"): set(),
        ("table8", "tau-0.2"): {"model.head"},
        ("table9", "alpha-0.99"): {"model.target_generator"},
    }
    for (table, row), expected in changes.items():
        config = ablation(table, row).to_dict()
        model, before = config.pop("model"), base["model"]
        changed = {f"model.{key}" for key in model.keys() | before.keys() if model.get(key) != before.get(key)}
        assert changed == expected, row
        assert config == {key: value for key, value in base.items() if key != "model"}, row


def test_toy_shares_the_method() -> None:
    toy, base = build(load("vit-tiny_toy")), build(load("vit-b_800e"))
    assert toy.masker.num_hidden(toy.backbone.grid_size) == 48  # of 64
    for part in ("masker", "neck", "target_generator", "head", "key_view"):
        assert type(getattr(toy, part)) is type(getattr(base, part))
    assert toy.query_view is None and toy.head.temperature == base.head.temperature == 0.1
