"""What runs, plans and costs start from is prepared once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare

CONFIGS = Path(__file__).parents[2] / "configs"
TOY = str(CONFIGS / "mae/vit-tiny_toy.py")


def test_the_config_stays_as_it_is() -> None:
    cfg = load_config(TOY)
    before = cfg.to_dict()
    prepared = prepare(cfg, Settings(epochs=2, accumulate=2, amp="bf16", processes=4))
    assert cfg.to_dict() == before
    assert prepared.cfg.train_cfg.max_epochs == 2 and prepared.batch.accumulation == 2
    assert prepared.precision == torch.bfloat16
    assert prepared.lrs[""] == prepared.cfg.optim_wrapper.optimizer.lr != before["optim_wrapper"]["optimizer"]["lr"]
    with pytest.raises(FrozenInstanceError):
        prepared.batch = None  # type: ignore[misc]


def test_it_is_prepared_once() -> None:
    prepared = prepare(load_config(TOY), Settings(processes=2))
    again = prepare(prepared.cfg, Settings(processes=2))
    assert again.lrs == prepared.lrs


def test_a_plan_needs_neither_data_nor_checkpoint() -> None:
    cfg = load_config(str(CONFIGS / "ccmim/downstream/ft_vit-b_100e_in1k.py"))
    prepared = prepare(cfg, Settings(planned=True, processes=32))
    assert prepared.schedule(1_281_167).iterations == 100 * 1251
    with pytest.raises(UsageError, match="give --checkpoint CKPT"):
        prepare(cfg)


def test_what_does_not_train_is_refused() -> None:
    cfg = load_config(TOY)
    cfg.optim_wrapper = None
    with pytest.raises(UsageError, match=r"toy\.py does not train: it needs train_dataloader, train_cfg and optim"):
        prepare(cfg)
