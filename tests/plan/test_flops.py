from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from mmmim.plan.flops import ATTENTION, flop_counter


def test_attention_on_a_cpu_is_counted_forward_and_backward() -> None:
    q, k, v = (torch.rand(2, 3, 16, 8, requires_grad=True) for _ in range(3))
    product = 2 * 2 * 3 * 16 * 16 * 8
    with flop_counter() as counter:
        scaled_dot_product_attention(q, k, v).sum().backward()
    assert counter.get_total_flops() == 7 * product  # two products, and five with that which is computed again


def test_older_releases_of_torch_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmmim.plan import flops

    known = {operator: formula for operator, formula in flops.flop_registry.items() if operator not in ATTENTION}
    monkeypatch.setattr(flops, "flop_registry", known)
    test_attention_on_a_cpu_is_counted_forward_and_backward()
