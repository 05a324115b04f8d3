"""Shipped configs of CIM against the numbers of the paper's Table 13 and of its ablations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from shipped import Shipped, build, count, trainable
from torch import nn

from mmmim.launch.lr_scaling import BatchSize, scale_lr
from mmmim.launch.schedule import schedule_of
from mmmim.models.generators.token_generator import load_generator
from mmmim.registry import MODELS, PARAM_SCHEDULERS

IMAGES, STEPS = 1_281_167, 625  # of ImageNet; per epoch at batch 2048
ENCODERS = ["vit-s", "vit-b", "vit-l", "resnet50", "resnet50x2", "resnet50x4"]
RECIPES = [f"{encoder}_{objective}_300e" for encoder in ENCODERS for objective in ("respix", "revdet")]
TOYS = [f"{encoder}_{objective}_toy" for encoder in ("vit-tiny", "resnet-tiny") for objective in ("respix", "revdet")]


SHIPPED = Shipped("cim")
load, ablation = SHIPPED.load, SHIPPED.row


TRUNKS = {
    "vit-s": 21_665_664,
    "vit-b": 85_798_656,
    "vit-l": 303_301_632,
    "resnet50": 23_508_032,
    "resnet50x2": 93_907_072,
    "resnet50x4": 375_378_176,
}
SHARED = 14_766_336  # patch embedding and two blocks of 768


@pytest.mark.parametrize("encoder", TRUNKS)
def test_parameters_of_encoders_are_those_of_the_plain_network(encoder: str) -> None:
    """Without a mask token."""
    assert count(build(load(f"{encoder}_respix_300e")).backbone) == TRUNKS[encoder]


@pytest.mark.parametrize(
    ("name", "small_beit", "lm_head", "head"),
    [
        ("vit-b_respix_300e", 29_096_448 - SHARED, 6_299_648, 590_592),
        ("vit-b_revdet_300e", 29_096_448 - SHARED, 6_299_648, 769),
        ("resnet50_respix_300e", 7_470_336, 3_153_920, 6_294_528),
        ("resnet50_revdet_300e", 7_470_336, 3_153_920, 8_196),
    ],
)
def test_parameters_of_the_other_parts(name: str, small_beit: int, lm_head: int, head: int) -> None:
    model = build(load(name))
    assert count(model.generator.encoder) == small_beit
    assert (count(model.generator.head), count(model.neck)) == (lm_head, head)
    assert count(model.generator.tokens.tokenizer) == 97_616_006
    assert trainable(model) == count(model.backbone) + small_beit + lm_head + head


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (lambda: load("vit-b_respix_300e"), 107_019_008),
        (lambda: load("vit-b_revdet_300e"), 106_429_185),
        (lambda: ablation("table5", "depth-4-unshared"), 121_785_344),
    ],
)
def test_trainable_parameters(config: Any, parameters: int) -> None:
    assert trainable(build(config())) == parameters


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(4, 29_096_448), (5, 36_184_320), (6, 43_272_192), (7, 50_360_064), (8, 57_447_936)],
)
def test_parameters_of_deeper_generators(depth: int, parameters: int) -> None:
    model = build(ablation("table5", f"depth-{depth}"))
    assert count(model.generator.encoder) == parameters - SHARED
    assert model.share_layers == 2 and len(model.generator.encoder.blocks) == depth - 2


def test_generator_of_384_with_six_blocks() -> None:
    config = load("resnet50_respix_300e")
    config.model.generator.depth = 6
    assert count(build(config).generator.encoder) == 11_019_264


@pytest.mark.parametrize("name", [*RECIPES, "vit-b_generator_300e"])
def test_recipe(name: str) -> None:
    config, small = load(name), name.startswith(("vit-l", "resnet50x4"))
    scaling = scale_lr(config, world_size=32 if small else 16)
    assert scaling.batch.effective == config.auto_scale_lr.recipe_batch_size == 2048 and not scaling.warnings
    wrapper = config.optim_wrapper
    assert wrapper.optimizer.lr == 1.5e-3
    assert (wrapper.optimizer.betas, wrapper.optimizer.eps, wrapper.optimizer.weight_decay) == ((0.9, 0.98), 1e-8, 0.05)
    assert wrapper.clip_grad == dict(max_norm=3.0)
    assert config.model.backbone.get("drop_path_rate", 0.0) == 0.0
    schedule = schedule_of(config, IMAGES, BatchSize(scaling.batch.per_process, scaling.batch.processes, 1))
    assert (schedule.steps_per_epoch, schedule.iterations, schedule.warmup_iterations) == (STEPS, STEPS * 300, 6250)
    crop, flip = config.train_dataloader.dataset.transforms
    assert (crop.size, crop.token_size, crop.scale, crop.ratio) == (224, 112, (0.08, 1.0), (3 / 4, 4 / 3))
    assert (crop.interpolation, crop.token_interpolation, flip.p) == ("bicubic", "lanczos", 0.5)
    assert config.model.masker == dict(type="RandomMasker", num_masked=100)


@pytest.mark.parametrize("name", RECIPES)
def test_objective_and_generator(name: str) -> None:
    model, (encoder, objective, _) = load(name).model, name.split("_")
    assert model.loss_weights == dict(generator=1.0, enhancer=10.0 if objective == "respix" else 1.0)
    if objective == "respix":
        assert model.target_generator == dict(type="PixelTarget", norm_pix="window_joint", window=8)
        assert model.head == dict(type="ReconstructionHead", loss=dict(l1=1.0, l2=1.0), scope="all")
    generator = build(load(name)).generator
    assert generator.encoder.depth == (6 if encoder == "vit-l" else 4)
    widths = {"vit-s": (384, 6), "vit-b": (768, 12), "vit-l": (1024, 16)}
    assert (generator.encoder.embed_dims, generator.encoder.num_heads) == widths.get(encoder, (384, 6))
    assert generator.share_layers == (2 if encoder in widths else 0)
    assert (generator.sample_mode, generator.temperature, generator.frozen) == ("softmax", 1.0, False)


def test_learning_rates() -> None:
    config = load("vit-b_respix_300e")
    scale_lr(config, world_size=16)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.optim_wrapper.optimizer.lr)
    scheduler = PARAM_SCHEDULERS.build(
        dict(config.param_scheduler),
        default_args=dict(optimizer=optimizer, epoch_length=STEPS, end=config.train_cfg.max_epochs),
    )
    warmup, total = 10 * STEPS, 300 * STEPS
    assert (scheduler.warmup, scheduler.end) == (warmup, total) == (6_250, 187_500)
    middle = (warmup + total) // 2
    for step, rate in [(0, 0.0), (warmup - 1, 1.5e-3), (warmup, 1.5e-3), (middle, 7.55e-4)]:
        assert scheduler._lr(step, 1.5e-3) == pytest.approx(rate, rel=1e-10), step
    assert scheduler._lr(total - 1, 1.5e-3) == pytest.approx(1e-5, rel=1e-6)


@pytest.mark.parametrize("name", ["vit-b_respix_300e", "vit-l_revdet_300e", "resnet50_revdet_300e"])
def test_optimizer_has_what_is_trained_once_and_decay_spares_vectors_tokens_and_positions(name: str) -> None:
    config = load(name)
    model = build(config)
    settings = dict(config.optim_wrapper, type="OptimWrapper")
    settings.pop("dtype")
    settings["optimizer"] = {k: v for k, v in settings["optimizer"].items() if k != "fused"}
    groups = build_optim_wrapper(model, settings).optimizer.param_groups
    assert {group["lr"] for group in groups} == {1.5e-3}
    parameters = [p for group in groups for p in group["params"]]
    assert len(parameters) == len({id(p) for p in parameters})
    assert sum(p.numel() for p in parameters) == trainable(model)
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if name.startswith("generator.tokens.tokenizer."):
            assert id(parameter) not in decay, name
            continue
        spared = parameter.ndim == 1 or name.endswith(("cls_token", "pos_embed"))
        assert decay[id(parameter)] == (0.0 if spared else 0.05), name
    assert decay[id(model.generator.encoder.mask_token)] == 0.05
    assert decay[id(model.generator.encoder.pos_embed)] == 0.0


@pytest.mark.parametrize(
    ("config", "hidden"),
    [
        (lambda: load("vit-b_respix_300e"), 100),
        (lambda: load("resnet50_revdet_300e"), 100),
        (lambda: ablation("table4", "random-0.4"), 78),
        (lambda: ablation("table4", "random-0.5"), 98),
        (lambda: ablation("table4", "random-0.6"), 118),
        (lambda: ablation("table4", "block-0.4"), 78),
        (lambda: ablation("table4", "block-0.5"), 98),
        (lambda: ablation("table4", "block-0.6"), 118),
        (lambda: ablation("table10", "mae"), 98),
    ],
)
def test_hidden_patches(config: Any, hidden: int) -> None:
    model = build(config())
    mask = model.draw_mask(torch.empty(2, 3, 224, 224))
    assert mask.mask.flatten(1).sum(1).tolist() == [hidden, hidden]


def test_tables_change_what_they_say_and_nothing_else() -> None:
    base = load("vit-b_respix_300e").to_dict()
    changes = {
        ("table4", "block-0.5"): {"masker"},
        ("table4", "random-0.5"): {"masker"},
        ("table5", "depth-4-unshared"): {"generator"},
        ("table5", "depth-4"): set(),
        ("table5", "depth-8"): {"generator"},
        ("table6", "none"): {"target_generator"},
        ("table6", "patch"): {"target_generator"},
        ("table6", "window_joint"): set(),
        ("table7", "uniform"): {"generator"},
        ("table7", "argmax"): {"generator"},
        ("table7", "softmax"): set(),
        ("table10", "mae"): {"generator", "masker"},
        ("table10", "dall-e"): set(),
        ("table10", "fixed"): {"generator"},
    }
    for (table, row), expected in changes.items():
        config = ablation(table, row).to_dict()
        model, before = config.pop("model"), base["model"]
        assert {key for key in model.keys() | before.keys() if model.get(key) != before.get(key)} == expected, row
        assert config == {key: value for key, value in base.items() if key != "model"}, row


def test_vqgan_has_its_codes_and_reads_the_whole_resolution() -> None:
    config = ablation("table10", "vqgan")
    model = build(config)
    assert (model.generator.head.out_features, model.generator.tokens.tokenizer.stride) == (16384, 16)
    assert config.train_dataloader.dataset.transforms[0].token_size == 16 * 14


def test_generator_of_mae() -> None:
    model = build(ablation("table10", "mae"))
    assert count(model.generator.encoder) == 85_798_656
    decoder = model.generator.decoder
    assert decoder.decoder_embed.out_features == 512 and len(decoder.decoder_blocks) == 8


def test_run_of_the_generator_alone_is_what_the_fixed_generator_reads(tmp_path: Path) -> None:
    first, then = load("vit-b_generator_300e"), ablation("table10", "fixed")
    tokenizer = dict(type="TinyDVAE", allow_random=True)
    first.model.target_generator.tokenizer = then.model.generator.tokenizer = tokenizer
    small = dict(embed_dims=48, num_heads=2)
    first.model.backbone.arch |= small
    then.model.backbone.arch = dict(small, depth=2)
    alone, model = MODELS.build(first.model), MODELS.build(then.model)
    torch.save(dict(state_dict=alone.state_dict()), tmp_path / "epoch_300.pth")
    load_generator(model.generator, str(tmp_path / "epoch_300.pth"))
    torch.testing.assert_close(model.generator.encoder.state_dict(), alone.backbone.state_dict(), rtol=0, atol=0)
    assert torch.equal(model.generator.head.weight, alone.neck.layers[0].weight)
    assert trainable(model) == count(model.backbone) + count(model.neck)


@pytest.mark.parametrize("name", TOYS)
def test_toys_share_the_method(name: str) -> None:
    config = load(name)
    toy, base = build(config), build(load("vit-b" + name[name.index("_") :].replace("toy", "300e")))
    assert toy.generator.patch_size == (8, 8) and toy.generator.tokens.tokenizer.stride == 8
    assert toy.masker.num_hidden((8, 8)) == 32 and toy.loss_weights == base.loss_weights
    assert toy.share_layers == (2 if name.startswith("vit") else 0)
    for part in ("generator", "masker", "neck", "target_generator", "head"):
        assert type(getattr(toy, part)) is type(getattr(base, part))
    if toy.detects_replaced:
        assert toy.target_generator.dims == (1 if name.startswith("vit") else 16)
