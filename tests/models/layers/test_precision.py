from __future__ import annotations

import torch

from mmmim.models.layers.precision import (
    current_autocast,
    full_precision,
    uncached_autocast,
)

A = torch.ones(2, 2)


def test_full_precision_turns_the_surrounding_autocast_off() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert (A @ A).dtype == torch.bfloat16
        with full_precision("cpu"):
            assert (A @ A).dtype == torch.float32


def test_the_surrounding_autocast_is_entered_again_later() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        again = current_autocast("cpu")
    with again():
        assert (A @ A).dtype == torch.bfloat16
    assert (A @ A).dtype == torch.float32
    with current_autocast("cpu")():
        assert (A @ A).dtype == torch.float32


def test_weights_cast_in_a_pass_without_graph_are_not_kept_for_the_training_pass() -> None:
    layer = torch.nn.Linear(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad(), uncached_autocast("cpu"):
            assert layer(A).dtype == torch.bfloat16
            assert not torch.is_autocast_cache_enabled()
        assert torch.is_autocast_cache_enabled()
        layer(A).float().sum().backward()
    assert layer.weight.grad is not None


def test_devices_without_autocast_need_none() -> None:
    for context in (
        full_precision("meta"),
        uncached_autocast("meta"),
        current_autocast("meta")(),
    ):
        with context:
            assert (A @ A).dtype == torch.float32
