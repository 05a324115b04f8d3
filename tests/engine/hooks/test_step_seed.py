from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from tiny_run import losses, train

from mmmim.engine.hooks.step_seed import seed_step
from mmmim.seeding import derive_seed


def draws(seed: int, iteration: int, rank: int) -> tuple[float, ...]:
    seed_step(seed, iteration, rank)
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_function_of_seed_iteration_and_rank() -> None:
    first = draws(0, 5, 2)
    assert draws(0, 5, 2) == first
    for other in ((1, 5, 2), (0, 6, 2), (0, 5, 3), (5, 0, 2), (2, 5, 0)):
        assert not set(first) & set(draws(*other)), other


def test_steps_are_unrelated() -> None:
    """The first draws of consecutive steps and ranks are uniform and uncorrelated, in each of the three generators."""
    table = np.array([draws(0, iteration, rank) for iteration in range(500) for rank in range(2)])  # (1000,3)
    assert np.abs(table.mean(0) - 0.5).max() < 0.04  # 4 standard errors: .036
    for lag in (1, 2):
        for column in table.T:
            assert abs(np.corrcoef(column[:-lag], column[lag:])[0, 1]) < 0.13  # 4 standard errors


def test_step_and_sample_streams_differ() -> None:
    seed_step(0, 3, 0)
    step = torch.rand(4)
    torch.manual_seed(derive_seed(0, 3, 0))
    assert not torch.equal(step, torch.rand(4))


def test_model_is_told_every_micro_step(tmp_path: Path) -> None:
    model = train(
        tmp_path, randomness=dict(seed=3), **{"optim_wrapper.accumulative_counts": 2, "train_cfg.stop_after": 8}
    ).model
    assert model.steps == [(3, iteration) for iteration in range(8)]
    assert len({row["hidden_share"] for row in losses(tmp_path)}) > 4
