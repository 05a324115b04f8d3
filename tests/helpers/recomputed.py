from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

MODULE = "mmmim.models.layers.recomputation"


@contextmanager
def everything_kept() -> Iterator[None]:
    """Take away what keeps less, whole blocks included."""
    with (
        patch(f"{MODULE}.checkpoint", lambda function, *args, **options: function(*args)),
        patch(f"{MODULE}.LinearOf.apply", lambda function, x, weight, bias, *_: F.linear(function(x), weight, bias)),
    ):
        yield


def lively(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return module.double()


def gradients(model: Any, *inputs: Any) -> tuple[dict[str, Tensor], int]:
    """Return loss and gradients, and the FLOPs that they took."""
    torch.manual_seed(1)  # for drop paths
    with FlopCounterMode(display=False) as counter:
        outputs = model(*inputs)
        loss = sum(each.square().mean() for each in (outputs if isinstance(outputs, tuple) else (outputs,)))
        loss.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    return dict(found, loss=loss.detach()), counter.get_total_flops()


def check_same(model: Any, *inputs: Any) -> None:
    with everything_kept():
        expected, flops = gradients(model, *inputs)
    found, again = gradients(model, *inputs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-14, msg=name)
    whole_blocks = getattr(model, "with_cp", False)
    assert (again > flops) if whole_blocks else (again == flops)
