from __future__ import annotations

import torch

from mmmim.engine.loss_buffer import LossBuffer


def test_buffer_keeps_order_names_and_values() -> None:
    buffer = LossBuffer()
    buffer.append(3, dict(loss=torch.tensor(1.5, requires_grad=True) * 1, acc=torch.tensor([0.25])))
    buffer.append(4, dict(loss=torch.tensor(2.5, dtype=torch.bfloat16), extra=7))
    assert len(buffer) == 2
    assert buffer.drain() == [(3, dict(loss=1.5, acc=0.25)), (4, dict(loss=2.5, extra=7.0))]
    assert buffer.drain() == [] and len(buffer) == 0
