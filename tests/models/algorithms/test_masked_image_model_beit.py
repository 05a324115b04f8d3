"""BEiT: tokens of the hidden patches from a frozen tokenizer, its recipes, and the toy run with the built-in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmmim.datasets import build_transform
from mmmim.registry import MODELS
from mmmim.reproduce.tables import find_table, load_tables, row_config

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / "beit" / f"{name}.py")


def build(config: Config) -> Any:
    init_default_scope("mmmim")
    return MODELS.build(config.model)


# ---------------------------------------------------------------- targets


def test_missing_weights_end_a_run_before_its_first_step() -> None:
    config = load("vit-tiny_toy")
    config.model.target_generator.tokenizer.checkpoint = "nowhere.pth"
    model = build(config)
    with pytest.raises(RuntimeError, match=r"nowhere\.pth"):
        model.init_weights()


# ---------------------------------------------------------------- recipes


@pytest.mark.parametrize("epochs", [300, 800])
def test_recipe(epochs: int) -> None:
    config = load(f"vit-b_{epochs}e")
    with torch.device("meta"):
        model = build(config)
    encoder = sum(p.numel() for p in model.backbone.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    # the plain ViT without positions and key bias, with LayerScale, the shared table and the mask token
    assert encoder == 85_798_656 - 197 * 768 - 12 * 768 + 24 * 768 + (27**2 + 3) * 12 + 768
    assert trained == encoder + 769 * 8192
    assert model.masker.num_hidden((14, 14)) == 75 and model.target_generator.num_classes == 8192
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.lr, tuple(optimizer.betas), optimizer.weight_decay) == (1.5e-3, (0.9, 0.98), 0.05)
    assert config.optim_wrapper.clip_grad == dict(max_norm=3.0)
    assert config.auto_scale_lr.base_batch_size == config.auto_scale_lr.recipe_batch_size == 2048
    schedule = config.param_scheduler
    assert (schedule.warmup, schedule.min_lr) == (10, 1e-5)
    assert config.train_cfg.max_epochs == epochs and config.train_dataloader.batch_size == 128


def test_views_of_a_recipe_share_the_crop_and_fit_the_tokens() -> None:
    ramp = Image.linear_gradient("L").convert("RGB")
    for step in load("vit-b_300e").train_dataloader.dataset.transforms[1:]:
        ramp = build_transform(step)(ramp)
    large, small = (ramp[name][None].float() for name in ("inputs", "token_inputs"))
    assert small.shape == (1, 3, 112, 112) and (F.avg_pool2d(large, 2) - small).abs().max() < 4
    assert small.shape[-1] // 8 == large.shape[-1] // 16


@pytest.mark.parametrize("table", ["table5", "table11"])
def test_simmim_with_tokens_can_be_run(table: str) -> None:
    row = find_table(table, load_tables("simmim")).row("beit")
    with torch.device("meta"):
        model = build(row_config("simmim", row))
    target = model.target_generator
    assert target.dims == 4 * 8192 and target.tokenizer.stride * target.tokens_per_patch * 6 == 96


# ---------------------------------------------------------------- toy


def test_losses_start_at_chance_and_only_the_model_learns() -> None:
    torch.manual_seed(0)
    model = build(load("vit-tiny_toy"))
    images = torch.randn(8, 3, 64, 64)
    losses = model(images, mode="loss")
    assert losses["loss_tokens"].item() == pytest.approx(torch.tensor(512.0).log().item(), abs=0.4)
    losses["loss_tokens"].backward()
    assert all(p.grad is None for p in model.target_generator.parameters())
    learning = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learning)
    assert {*model.neck.parameters()} < {*learning}
    assert not any(name.startswith("target_generator") for name in model.state_dict())


def test_hidden_tokens_of_a_few_pictures_can_be_learnt() -> None:
    torch.manual_seed(0)
    model = build(load("vit-tiny_toy"))
    coarse = torch.randn(4, 3, 4, 4)
    images = F.interpolate(coarse, (64, 64), mode="bicubic")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    history = []
    for step in range(60):
        model.set_step(0, step)
        losses = model(images, mode="loss")
        optimizer.zero_grad()
        losses["loss_tokens"].backward()
        optimizer.step()
        history.append(losses["loss_tokens"].item())
    assert history[-1] < 0.6 * history[0]
    assert losses["accuracy"] > 20  # in per cent; chance is 0.2


def test_pictures_show_decoded_tokens() -> None:
    model = build(load("vit-tiny_toy"))
    shown = model.predict(torch.zeros(2, 3, 64, 64))
    assert shown["target_space"] == "tokens" and shown["output"].shape == shown["target"].shape == (2, 3, 64, 64)
    assert (shown["target"] - shown["images"]).abs().mean() < 0.3  # the mean colour comes back
