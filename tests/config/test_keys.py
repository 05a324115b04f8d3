from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shipped import shipped

from mmmim.config.keys import check_options
from mmmim.errors import UsageError

ROOT = Path(__file__).parents[2]


UPERNET = "ccmim/downstream/upernet_vit-tiny_toy.py"


@pytest.mark.parametrize(
    "options",
    [
        {"model.masker.mask_ratio": 0.5},
        {"optim_wrapper.clip_grad.max_norm": 1.0},
        {"train_cfg.stop_after": 3},
        {"resume": True},
        {"find_unused_parameters": True},
        {"param_scheduler.0.end": 2},
        {"default_hooks.checkpoint.max_keep_ckpts": 2},
        {"env_cfg.dist_cfg.timeout": 60},
        {"model.backbone.arch.mlp_ratio": 2.0},
        {"optim_wrapper.paramwise_cfg.custom_keys.head.lr_mult": 2.0},
    ],
)
def test_options_that_lead_somewhere(options: dict[str, Any]) -> None:
    assert check_options(shipped(), options) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model.masker_ratio": 0.5}, "model has no key 'masker_ratio'"),
        ({"model.backbone.arch.dept": 3}, "did you mean 'depth'"),
        ({"model.masker.mask_rati": 0.5}, "did you mean 'mask_ratio'"),
        ({"train_cfg.epochs": 3}, "train_cfg has no key 'epochs'; did you mean 'max_epochs'"),
        ({"nothing_like_it": 3}, "the config has no key 'nothing_like_it'"),
        ({"param_scheduler.x.end": 3}, "'x' is no index"),
        ({"randomness.sed": 3}, "did you mean 'seed'"),
    ],
)
def test_options_that_lead_nowhere(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_options(shipped(), options)
    assert expected in str(caught.value)


def test_an_option_on_an_evaluated_variable_is_told() -> None:
    (remark,) = check_options(shipped(UPERNET, my_variable=3), {"my_variable": 4})
    assert "'my_variable' is a helper variable" in remark
