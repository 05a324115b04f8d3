"""The recipes have the papers' numbers: optimiser, schedule, layer decay, sizes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from recipes import CONFIGS, SHIPPED, build
from torch import nn

from mmmim.launch.lr_scaling import scale_lr, schedulers
from mmmim.reproduce.tables import find_table, load_tables


def recipe(name: str, processes: int = 1) -> Config:
    cfg = Config.fromfile(CONFIGS / f"{name}.py")
    scale_lr(cfg, processes)
    return cfg


# name: processes, lr, last lr, epochs, warm-up, layer decay, weight decay, drop path
LARS = (32, 6.4, 0.0, 90, 10, 1.0, 0.0, 0.0)
BLOCKS = (8, 1e-3, 1e-6, 90, 10, 1.0, 0.05, 0.0)
ADAMW_PROBE = (8, 4e-3, 0.0, 100, 5, 1.0, 1e-4, 0.0)
NUMBERS = {
    "ccmim/downstream/ft_vit-b_100e_in1k": (32, 4e-3, 1e-6, 100, 5, 0.75, 0.05, 0.1),
    "ccmim/downstream/linear_vit-b_90e_in1k": LARS,
    "ccmim/downstream/ft_vit-b_360e_inat18": (8, 3e-4, 1e-6, 360, 5, 0.75, 0.05, 0.1),
    "ccmim/downstream/ft_vit-b_360e_inat19": (8, 3e-4, 1e-6, 360, 5, 0.75, 0.05, 0.1),
    "ccmim/downstream/ft_vit-b_1000e_flowers102": (8, 3e-4, 1e-6, 1000, 5, 0.75, 0.05, 0.1),
    "mae/downstream/ft_vit-b_100e_in1k": (32, 2e-3, 1e-6, 100, 5, 0.65, 0.05, 0.1),
    "mae/downstream/ft_vit-l_50e_in1k": (32, 4e-3, 1e-6, 50, 5, 0.75, 0.05, 0.2),
    "mae/downstream/linear_vit-b_90e_in1k": LARS,
    "mae/downstream/nonlinear_vit-b_90e_in1k": BLOCKS,
    "beyond_masking/downstream/ft_vit-b_100e_in1k": (32, 2e-3, 1e-6, 100, 5, 0.65, 0.05, 0.1),
    "beyond_masking/downstream/ft_vit-l_100e_in1k": (32, 4e-3, 1e-6, 100, 5, 0.75, 0.05, 0.2),
    "beyond_masking/downstream/linear_vit-b_90e_in1k": LARS,
    "beyond_masking/downstream/nonlinear2_vit-b_90e_in1k": BLOCKS,
    "beyond_masking/downstream/nonlinear4_vit-b_90e_in1k": BLOCKS,
    "simmim/downstream/ft_swin-b_192_100e_in1k": (16, 5e-3, 1e-6, 100, 20, 0.9, 0.05, 0.1),
    "simmim/downstream/ft_swin-b_224_100e_in1k": (16, 5e-3, 1e-6, 100, 20, 0.8, 0.05, 0.1),
    "simmim/downstream/ft_swin-l_224_100e_in1k": (32, 5e-3, 1e-6, 100, 20, 0.7, 0.05, 0.2),
    "simmim/downstream/ft_swin-l_224-paper_100e_in1k": (32, 5e-3, 1e-6, 100, 10, 0.75, 0.05, 0.1),
    "simmim/downstream/ft_swinv2-h_224_50e_in1k": (64, 5e-3, 1e-6, 50, 10, 0.7, 0.05, 0.1),
    "simmim/downstream/ft_swinv2-h_512_50e_in1k": (256, 5e-3, 1e-6, 50, 10, 0.7, 0.05, 0.1),
    "simmim/downstream/ft_vit-b_100e_in1k": (16, 5e-3, 1e-6, 100, 20, 0.65, 0.05, 0.1),
    "simmim/downstream/ft_vit-b_paper_100e_in1k": (16, 5e-3, 1e-6, 100, 10, 0.65, 0.05, 0.1),
    "simmim/downstream/ft_resnet50x4_100e_in1k": (16, 5e-3, 1e-6, 100, 20, 0.9, 0.05, 0.1),
    "simmim/downstream/ft_swin-b_100e_inat18": (16, 1.6e-2, 1e-6, 100, 20, 0.9, 0.05, 0.1),
    "simmim/downstream/linear_vit-b_100e_in1k": ADAMW_PROBE,
    "simmim/downstream/linear_vit-b_layerwise_100e_in1k": ADAMW_PROBE,
    "conmim/downstream/ft_vit-s_200e_in1k": (8, 4e-3, 1e-6, 200, 5, 0.8, 0.05, 0.1),
    "conmim/downstream/ft_vit-b_100e_in1k": (8, 4e-3, 1e-6, 100, 20, 0.65, 0.05, 0.1),
    "conmim/downstream/ft_vit-l_50e_in1k": (16, 1e-3, 1e-6, 50, 5, 0.75, 0.05, 0.2),
    "conmim/downstream/ft384_vit-s_20e_in1k": (8, 5e-6, 5e-6, 20, 0, 0.8, 1e-8, 0.1),
    "conmim/downstream/ft384_vit-b_10e_in1k": (8, 5e-6, 5e-6, 10, 0, 0.65, 1e-8, 0.1),
    "conmim/downstream/ft384_vit-l_5e_in1k": (16, 5e-6, 5e-6, 5, 0, 0.75, 1e-8, 0.2),
    "beit/downstream/ft384_vit-b_10e_in1k": (8, 5e-6, 5e-6, 10, 0, 0.65, 1e-8, 0.1),
    "cim/downstream/ft_vit-s_200e_in1k": (8, 4e-3, 1e-6, 200, 5, 0.8, 0.05, 0.1),
    "cim/downstream/ft_vit-b_respix_100e_in1k": (8, 3e-3, 1e-6, 100, 5, 0.8, 0.05, 0.1),
    "cim/downstream/ft_vit-b_revdet_100e_in1k": (8, 5e-3, 1e-6, 100, 5, 0.8, 0.05, 0.1),
    "cim/downstream/ft_vit-l_50e_in1k": (16, 1e-3, 1e-6, 50, 5, 0.75, 0.05, 0.2),
    "cim/downstream/ft_resnet50_100e_in1k": (16, 12e-3, 1e-6, 100, 5, 1.0, 0.02, 0.0),
    "cim/downstream/ft_resnet50_300e_in1k": (16, 12e-3, 1e-6, 300, 5, 1.0, 0.02, 0.0),
    "cim/downstream/ft_resnet50_600e_in1k": (16, 12e-3, 1e-6, 600, 5, 1.0, 0.01, 0.05),
    "cim/downstream/ft_resnet50x2_100e_in1k": (16, 12e-3, 1e-6, 100, 5, 1.0, 0.02, 0.0),
    "cim/downstream/ft_resnet50x2_200e_in1k": (16, 12e-3, 1e-6, 200, 5, 1.0, 0.02, 0.0),
    "cim/downstream/ft_resnet50x4_100e_in1k": (32, 12e-3, 1e-6, 100, 5, 1.0, 0.02, 0.0),
    "beit/downstream/ft_vit-b_100e_in1k": (8, 4e-3, 1e-6, 100, 20, 0.65, 0.05, 0.1),
    "beit/downstream/linear_vit-b_100e_in1k": ADAMW_PROBE,
    "beit/downstream/linear_vit-b_layerwise_100e_in1k": ADAMW_PROBE,
}


def test_no_recipe_is_left_out() -> None:
    assert set(NUMBERS) == {name for name in SHIPPED if not name.endswith(("_toy", "_cifar10"))}


def learning_rates(cfg: Config, epoch_length: int) -> list[float]:
    """lr of the fastest layer before every step, and after the last."""
    wrapper = OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=cfg.optim_wrapper.optimizer.lr))
    defaults = dict(optimizer=wrapper, epoch_length=epoch_length, end=cfg.train_cfg.max_epochs)
    with DefaultScope.overwrite_default_scope("mmmim"):
        built = [
            PARAM_SCHEDULERS.build(dict(scheduler), default_args=defaults)
            for scheduler in schedulers(cfg.param_scheduler)
        ]
    rates = wrapper.get_lr()["lr"]
    wrapper.step()
    for _ in range(cfg.train_cfg.max_epochs * epoch_length):
        for scheduler in built:
            scheduler.step()
        rates += wrapper.get_lr()["lr"]
    return rates


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_the_recipe(name: str) -> None:
    processes, lr, last, epochs, warmup, layer_decay, weight_decay, drop_path = NUMBERS[name]
    cfg = recipe(name, processes)
    assert cfg.train_dataloader.batch_size * processes == cfg.auto_scale_lr.recipe_batch_size
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(lr) and cfg.train_cfg.max_epochs == epochs
    assert cfg.optim_wrapper.get("paramwise_cfg", {}).get("layer_decay_rate", 1.0) == layer_decay
    assert cfg.optim_wrapper.optimizer.weight_decay == weight_decay
    assert cfg.model.backbone.get("drop_path_rate", 0.0) == drop_path
    length = 10
    rates = learning_rates(cfg, length)
    assert max(rates) == pytest.approx(lr, rel=0.01 if "simmim/downstream/ft" in name else 1e-6)
    assert rates.index(max(rates)) in range(max(warmup * length - 1, 0), warmup * length + 1)
    assert rates[-1] == pytest.approx(last, rel=0.05, abs=lr * 2e-5)  # MMEngine is a step behind the cosine
    if warmup:
        assert rates[0] < 1e-5 and rates[warmup * length // 2] == pytest.approx(lr / 2, rel=0.03)


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(
    ("name", "processes", "steps", "values"),
    [
        # SimMIM's code, 1,281,167 images and 2048 of them a step
        (
            "simmim/downstream/ft_swin-b_192_100e_in1k",
            16,
            625,
            {0: 1e-6, 6250: 2.5005e-3, 12499: 4.9996e-3, 12500: 4.5226e-3, 31250: 2.5005e-3, 62500: 1e-6},
        ),
        ("simmim/downstream/ft_vit-b_paper_100e_in1k", 16, 625, {6249: 4.9992e-3, 6250: 4.8777e-3, 62500: 1e-6}),
        # 1e-6 + (peak - 1e-6) (1 + cos(pi (t - W) / (T - W))) / 2
        ("simmim/downstream/ft_swinv2-h_224_50e_in1k", 64, 625, {6250: 5e-3, 6300: 4.99999e-3, 18750: 2.5005e-3}),
        ("mae/downstream/ft_vit-b_100e_in1k", 32, 125, {0: 2e-9, 625: 2e-3, 6562: 1.00076e-3, 12500: 1e-6}),
        ("cim/downstream/ft_vit-b_revdet_100e_in1k", 8, 125, {625: 5e-3, 3594: 4.26795e-3, 12500: 1e-6}),
        ("conmim/downstream/ft_vit-b_100e_in1k", 8, 125, {1250: 2e-3, 2500: 4e-3, 7500: 2.0005e-3, 12500: 1e-6}),
    ],
)
def test_check_values_of_the_schedule(name: str, processes: int, steps: int, values: dict[int, float]) -> None:
    rates = learning_rates(recipe(name, processes), steps)
    for step, value in values.items():
        assert rates[step] == pytest.approx(value, rel=1e-3), step


# name: {parameter: (lr as a share of the peak, whether its weight decays)}
SHARES = {
    "ccmim/downstream/ft_vit-b_100e_in1k": {
        "backbone.patch_embed.proj.weight": (0.75**13, True),
        "backbone.pos_embed": (0.75**13, False),
        "backbone.blocks.0.attn.qkv.weight": (0.75**12, True),
        "backbone.blocks.11.mlp.fc2.weight": (0.75, True),
        "head.norm.0.weight": (1.0, False),
        "head.fc.weight": (1.0, True),
    },
    "mae/downstream/ft_vit-l_50e_in1k": {
        "backbone.cls_token": (0.75**25, False),
        "backbone.blocks.23.norm1.bias": (0.75, False),
        "head.fc.bias": (1.0, False),
    },
    "simmim/downstream/ft_vit-b_100e_in1k": {
        "backbone.patch_embed.proj.weight": (3.697e-3, True),
        "backbone.blocks.0.attn.relative_position_bias_table": (0.65**12, True),  # SimMIM's ViT, not its Swin
        "backbone.blocks.11.gamma_1": (0.65, False),
    },
    "simmim/downstream/ft_swin-b_192_100e_in1k": {"backbone.patch_embed.proj.weight": (0.07179, True)},
    "simmim/downstream/ft_swin-b_224_100e_in1k": {
        "backbone.patch_embed.norm.weight": (3.778e-3, False),
        "backbone.layers.0.blocks.0.attn.relative_position_bias_table": (0.8**24, False),
        "backbone.layers.1.downsample.reduction.weight": (0.8**23, True),  # with the last block before it
        "backbone.layers.2.blocks.0.mlp.fc1.weight": (0.8**20, True),
        "backbone.layers.3.blocks.1.attn.qkv.weight": (0.8, True),
        "backbone.norm.weight": (1.0, False),
        "head.fc.weight": (1.0, True),
    },
    "simmim/downstream/ft_swin-l_224_100e_in1k": {"backbone.patch_embed.proj.weight": (1.341e-4, True)},
    "simmim/downstream/ft_resnet50x4_100e_in1k": {
        "backbone.conv1.weight": (0.9**17, True),
        "backbone.layer1.0.conv1.weight": (0.9**16, True),
        "backbone.layer2.0.conv1.weight": (0.9**13, True),  # after three bottlenecks
        "backbone.layer4.2.conv3.weight": (0.9, True),
        "backbone.layer4.2.bn3.weight": (0.9, False),
        "head.fc.weight": (1.0, True),
    },
    "conmim/downstream/ft_vit-s_200e_in1k": {
        "backbone.cls_token": (0.8**13, False),
        "backbone.blocks.3.attn.relative_position_bias_table": (0.8**9, True),  # BEiT's code
    },
    "cim/downstream/ft_vit-b_respix_100e_in1k": {"backbone.pos_embed": (0.8**13, False)},
    "cim/downstream/ft_resnet50_100e_in1k": {
        "backbone.conv1.weight": (1.0, True),
        "backbone.layer4.2.bn3.weight": (1.0, False),
    },
}


@pytest.mark.parametrize("name", SHARES)
def test_layer_decay_of_the_recipe(name: str) -> None:
    cfg = recipe(name, processes=NUMBERS[name][0])
    model = build(cfg)
    with DefaultScope.overwrite_default_scope("mmmim"):
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    groups = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
    names = dict(model.named_parameters())
    assert len(groups) == len(names) == sum(len(group["params"]) for group in optimizer.param_groups)
    for parameter, (share, decays) in SHARES[name].items():
        group = groups[id(names[parameter])]
        assert group["lr"] == pytest.approx(share * NUMBERS[name][1], rel=1e-3), parameter
        assert group["weight_decay"] == (NUMBERS[name][6] if decays else 0.0), parameter


@pytest.mark.parametrize(("method", "table"), [("simmim", "table6"), ("beit", "simmim")])
def test_simmims_linear_probe_is_that_of_the_best_block(method: str, table: str) -> None:
    """Section 4.2: "an inter-mediate layer of ViT-B which produces the best linear probing accuracy"."""
    rows = [row for row in find_table(table, load_tables(method)).rows if "linear" in row.evaluation]
    (path,) = {row.evaluation["linear"] for row in rows}
    model: Any = build(Config.fromfile(CONFIGS / method / path))
    one: Any = build(Config.fromfile(CONFIGS / method / "downstream/linear_vit-b_100e_in1k.py"))
    assert list(model.head.probes) == [f"block{number}" for number in range(1, 13)] and model.all_levels
    for probe in model.head.probes.values():
        assert str(probe) == str(one.head)
    assert isinstance(model.backbone.norm, nn.Identity) and list(one.backbone.out_indices) == [7]


def test_simmims_code_clips_and_its_paper_does_not() -> None:
    names = [name for name in NUMBERS if name.startswith("simmim/downstream/ft")]
    clipping = {name: recipe(name).optim_wrapper.clip_grad for name in names}
    assert {name for name, clip in clipping.items() if clip is None} == {n for n in clipping if "paper_" in n}
    assert {clip.max_norm for clip in clipping.values() if clip is not None} == {5.0}
    assert recipe("simmim/vit-b_paper_800e").optim_wrapper.clip_grad is None


def test_what_the_resnets_of_cim_are_trained_with() -> None:
    """Table 15, column by column."""
    sizes, policies, repeats, mixups, smoothing = [], [], [], [], []
    for epochs in (100, 300, 600):
        cfg = Config.fromfile(CONFIGS / f"cim/downstream/ft_resnet50_{epochs}e_in1k.py")
        crop, _, augment = cfg.train_dataloader.dataset.transforms
        sizes.append((crop.size, *(t.size for t in cfg.val_dataloader.dataset.transforms)))
        policies.append(augment.policy)
        repeats.append(cfg.train_dataloader.sampler.get("num_repeats", 1))
        batch = cfg.model.data_preprocessor.batch_augment
        mixups.append((batch.mixup, batch.cutmix, batch.erasing))
        smoothing.append(cfg.model.head.label_smoothing)
        assert cfg.model.head.loss == "bce"
    assert sizes == [(160, 235, 224), (224, 235, 224), (224, 235, 224)] and math.floor(224 / 0.95) == 235
    assert policies == [f"rand-m{m}-mstd0.5-inc1" for m in (6, 7, 7)]
    assert repeats == [1, 3, 3] and smoothing == [0.1, 0.0, 0.1]
    assert mixups == [(0.1, 1.0, 0.0), (0.1, 1.0, 0.0), (0.2, 1.0, 0.0)]


@pytest.mark.parametrize(
    ("name", "resize", "crop"),
    [
        ("simmim/downstream/ft_swin-b_192_100e_in1k", 219, 192),
        ("simmim/downstream/ft_swinv2-h_512_50e_in1k", 585, 512),
        ("simmim/downstream/ft_swin-b_100e_inat18", 219, 192),
        ("cim/downstream/ft_vit-b_respix_100e_in1k", 235, 224),
        ("conmim/downstream/ft384_vit-b_10e_in1k", 384, 384),
        ("beit/downstream/ft_vit-b_100e_in1k", 256, 224),
    ],
)
def test_sizes_of_the_test(name: str, resize: int, crop: int) -> None:
    cfg = Config.fromfile(CONFIGS / f"{name}.py")
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert [transform.size for transform in loader.dataset.transforms] == [resize, crop]
