from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, MODELS, init_default_scope
from noise_pictures import as_8_bit, smooth_noise
from torch.utils.data import default_collate

from mmmim.datasets.survey import Reading
from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare
from mmmim.plan.options import model_options, parsed, reading_options
from mmmim.plan.rules import METHODS, SIZES, MethodRule, SizeRule


def test_photographs_need_no_options() -> None:
    assert reading_options(Reading(3, None, (100.0,) * 3, (50.0,) * 3, ())) == {}


def test_ranges_and_statistics_are_those_of_the_images() -> None:
    options = reading_options(Reading(2, [(0.0, 1.5), (250.0, 310.0)], (100.0, 99.5), (50.0, 40.2), ()))
    assert parsed(options) == {
        "model.data_preprocessor.mean": [100, 99.5],
        "model.data_preprocessor.std": [50, 40.2],
        "train_dataloader.dataset.channels": 2,
        "model.backbone.in_channels": 2,
        "train_dataloader.dataset.value_range": [[0, 1.5], [250, 310]],
    }
    deep = reading_options(Reading(3, (0, 4095), (100.0,) * 3, (50.0,) * 3, ()))
    assert deep["train_dataloader.dataset.value_range"] == "[0,4095]" and "model.backbone.in_channels" not in deep


def test_words_stay_words() -> None:
    assert parsed({"a": "small", "b": "4", "c": "1e-3"}) == {"a": "small", "b": 4, "c": 1e-3}


@pytest.mark.parametrize("rule", METHODS, ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    "size, crop, patch",
    [(SIZES[0], 32, 4), (SIZES[1], 64, 8), (SIZES[2], 112, 8), (SIZES[3], 32, 4)],
    ids=lambda each: each.typical if isinstance(each, SizeRule) else str(each),
)
def test_every_method_trains_at_every_size(
    rule: MethodRule, size: SizeRule, crop: int, patch: int, tmp_path: Path
) -> None:
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", as_8_bit(smooth_noise(number)))
    options: dict[str, Any] = parsed(model_options(size, rule, crop, patch))
    small = dict(embed_dims=24, depth=2, num_heads=2)  # the widths are not what is tried
    if size.full:
        options["model.backbone.arch"] = dict(_delete_=True, **small)
        for part in {"beit": ["target_generator"], "cim": ["generator"]}.get(rule.name, []):
            options[f"model.{part}.tokenizer"] = dict(_delete_=True, type="TinyDVAE")  # for a file of DALL-E
    else:
        options |= {f"model.backbone.arch.{key}": value for key, value in small.items()}
    if rule.name == "conmim":
        options["model.neck.hidden"] = 32
    options["train_dataloader.batch_size"] = 2
    cfg = prepare(load_config(rule.full if size.full else rule.small, options, own_images=True),
                  Settings(data=str(tmp_path), planned=True)).cfg  # fmt: skip
    init_default_scope(cfg.default_scope)
    images = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model).train()
    model.set_step(0, 0)
    total, _ = model.parse_losses(
        model(**model.data_preprocessor(default_collate([images[0], images[1]])), mode="loss")
    )
    assert math.isfinite(total.detach()) and math.prod(model.backbone.grid_size) == (crop // patch) ** 2
    assert torch.is_grad_enabled() and total.requires_grad
