"""Shipped configs of Beyond Masking and MAE against the numbers of papers and official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from mmmim.launch.lr_scaling import scale_lr
from mmmim.registry import MODELS

CONFIGS = Path(__file__).parents[2] / "configs"
UNMASKED = ("zoomed-in", "zoomed-out", "distorted", "blurred", "decolorized")
TASKS = ("masked", *UNMASKED, "integrated")
RECIPES = [f"beyond_masking/vit-b_{task}_300e.py" for task in (*TASKS, "integrated-code288")]
each_recipe = pytest.mark.parametrize("path", RECIPES)


def load(path: str) -> Config:
    init_default_scope("mmmim")
    return Config.fromfile(CONFIGS / path)


def build(config: Config) -> Any:
    with torch.device("meta"):
        return MODELS.build(config.model)


def count(parameters: Any, trainable: bool = True) -> int:
    return sum(p.numel() for p in parameters if p.requires_grad == trainable)


@pytest.mark.parametrize(
    ("path", "encoder", "decoder", "total"),
    [
        ("mae/vit-b_800e.py", 85_647_360, 26_008_320, 111_907_840),
        ("mae/vit-l_800e.py", 303_099_904, 26_139_392, 329_541_888),
        ("mae/vit-h_800e.py", 630_435_840, 26_178_124, 657_074_508),
        ("beyond_masking/vit-b_masked_300e.py", 85_647_360, 7_689_984, 93_564_288),
        ("beyond_masking/vit-b_integrated_300e.py", 85_647_360, 7_689_984, 93_564_288),
        # without mask token, 384 values
        *((f"beyond_masking/vit-b_{task}_300e.py", 85_647_360, 7_689_600, 93_563_904) for task in UNMASKED),
        # without class token, and its rows in the position tables
        ("beyond_masking/vit-b_integrated-code288_300e.py", 85_646_592, 7_689_984, 93_562_368),
    ],
)
def test_parameters(path: str, encoder: int, decoder: int, total: int) -> None:
    """Trainable ones of encoder and decoder; the total counts the fixed positions."""
    model = build(load(path))
    assert count(model.backbone.parameters()) == encoder
    assert count(model.neck.parameters()) == decoder
    assert count(model.parameters()) == encoder + decoder
    assert count(model.parameters()) + count(model.parameters(), trainable=False) == total


@pytest.mark.parametrize("arch", ["b", "l", "h"])
def test_schedule_of_mae(arch: str) -> None:
    config = load(f"mae/vit-{arch}_800e.py")
    scaling = scale_lr(config, world_size=64)
    assert scaling.batch.effective == config.auto_scale_lr.recipe_batch_size == 4096 and not scaling.warnings
    assert config.optim_wrapper.optimizer.lr == pytest.approx(2.4e-3)
    warmup, cosine = config.param_scheduler
    assert (warmup.end, cosine.end, cosine.eta_min) == (40, 800, 0)


@each_recipe
def test_schedule(path: str) -> None:
    config = load(path)
    scaling = scale_lr(config, world_size=16)
    lr = config.optim_wrapper.optimizer.lr
    assert scaling.batch.effective == config.auto_scale_lr.recipe_batch_size == 2048 and not scaling.warnings
    assert lr == pytest.approx(1.2e-3) and config.optim_wrapper.optimizer.betas == (0.9, 0.95)
    warmup, cosine = config.param_scheduler
    assert warmup.end == cosine.begin == 20 and cosine.end == config.train_cfg.max_epochs == 300
    assert cosine.eta_min_ratio * lr == pytest.approx(1e-5)
    assert warmup.convert_to_iter_based and cosine.convert_to_iter_based


@pytest.mark.parametrize(
    ("path", "tokens"),
    [("beyond_masking/vit-b_integrated_300e.py", 0.0), ("mae/vit-b_800e.py", 0.05)],
)
def test_weight_decay_spares_norms_and_biases_and_here_tokens_too(path: str, tokens: float) -> None:
    config = load(path)
    model = build(config)
    settings = dict(config.optim_wrapper, type="OptimWrapper")
    settings.pop("dtype")
    settings["optimizer"] = {k: v for k, v in settings["optimizer"].items() if k != "fused"}
    groups = build_optim_wrapper(model, settings).optimizer.param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        expected = tokens if name.endswith("_token") else 0.05 if parameter.ndim > 1 else 0.0
        assert decay[id(parameter)] == expected, name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["vit-b_{}_300e", "vit-tiny_{}_toy"])
def test_what_is_hidden_and_scored(task: str, name: str) -> None:
    config = load(f"beyond_masking/{name.format(task)}.py")
    model = build(config)
    cells = model.backbone.grid_size[0] * model.backbone.grid_size[1]
    assert model.target_generator.norm_pix == ("patch" if "toy" in name else "patch_channel")
    assert model.head.scope == {"masked": "hidden", "integrated": "weighted"}.get(task, "all")
    assert (model.neck.mask_token is None) == (model.masker is None) == (task in UNMASKED)
    if model.masker is not None:
        assert model.masker.num_hidden(model.backbone.grid_size) == cells * 3 // 4
    crop = config.train_dataloader.dataset.transforms[0].size
    assert (crop > model.backbone.img_size[0]) == (task == "integrated")


def test_toys_share_data_and_schedule() -> None:
    def shared(task: str) -> dict:
        config = load(f"beyond_masking/vit-tiny_{task}_toy.py").to_dict()
        config.pop("model")
        config["train_dataloader"]["dataset"]["transforms"][0].pop("size")
        return config

    assert all(shared(task) == shared("masked") for task in TASKS)


def test_profile_of_the_authors_code() -> None:
    config = load("beyond_masking/vit-b_integrated-code288_300e.py")
    model = build(config)
    assert config.train_dataloader.dataset.transforms[0].size == 288
    assert model.backbone.num_prefix == model.neck.num_prefix == 0
    positions = MODELS.build(config.model.neck | dict(in_dims=8, out_dims=8, grid=(14, 14), num_prefix=0))
    table = positions.decoder_pos_embed[0]  # (196,384)
    assert isinstance(positions.decoder_pos_embed, nn.Parameter)
    torch.testing.assert_close(table[:, 0], torch.arange(196.0).sin(), rtol=0, atol=1e-5)
