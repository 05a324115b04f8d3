"""Tokens are sampled as their logits say."""

from __future__ import annotations

import pytest
import torch

from mmmim.models.generators import sample_tokens


@pytest.mark.parametrize("autocast", [False, True])
def test_samples_follow_the_softmax(autocast: bool) -> None:
    logits = torch.randn(64) * 1.5
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        drawn = sample_tokens(logits.expand(200_000, -1))
    frequency = torch.bincount(drawn, minlength=64) / 200_000
    assert 0.5 * (frequency - logits.softmax(0)).abs().sum() < 0.008


def test_bfloat16_logits_are_sampled_in_float32() -> None:
    logits = torch.zeros(100_000, 64, dtype=torch.bfloat16)
    frequency = torch.bincount(sample_tokens(logits), minlength=64) / 100_000
    assert 0.5 * (frequency - 1 / 64).abs().sum() < 0.015  # ties of coarse noise would favour low ids: 0.9 and more


def test_temperature_sharpens_until_only_the_largest_is_drawn() -> None:
    logits = torch.randn(500, 32)
    assert torch.equal(sample_tokens(logits, temperature=1e-4), logits.argmax(-1))
    assert torch.equal(sample_tokens(logits, "argmax"), logits.argmax(-1))
    hot = sample_tokens(logits[:1].expand(50_000, -1), temperature=2.0)
    frequency = torch.bincount(hot, minlength=32) / 50_000
    assert 0.5 * (frequency - (logits[0] / 2).softmax(0)).abs().sum() < 0.015


def test_uniform_ignores_the_logits() -> None:
    logits = torch.zeros(100_000, 16)
    logits[:, 3] = 50
    frequency = torch.bincount(sample_tokens(logits, "uniform"), minlength=16) / 100_000
    assert 0.5 * (frequency - 1 / 16).abs().sum() < 0.01
