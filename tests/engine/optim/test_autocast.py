from __future__ import annotations

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmmim.engine import AutocastOptimWrapper


def fitted(wrapper_type, steps: int = 4, **options) -> tuple[nn.Module, list[torch.dtype]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    dtypes = []
    model[0].register_forward_hook(lambda module, args, output: dtypes.append(output.dtype))
    wrapper = wrapper_type(optimizer=torch.optim.AdamW(model.parameters(), lr=0.1, fused=True), **options)
    for step in range(steps):
        with wrapper.optim_context(model):
            output = model(torch.randn(4, 8, generator=torch.Generator().manual_seed(step)))
        wrapper.update_params(output.float().square().mean())
    return model, dtypes


def assert_equal(one: nn.Module, two: nn.Module) -> None:
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("options", [{}, dict(accumulative_counts=2), dict(clip_grad=dict(max_norm=0.1))])
def test_float32_equals_optim_wrapper(options: dict) -> None:
    plain, _ = fitted(OptimWrapper, **{k: dict(v) if isinstance(v, dict) else v for k, v in options.items()})
    ours, dtypes = fitted(AutocastOptimWrapper, dtype="float32", **options)
    assert_equal(plain, ours)
    assert set(dtypes) == {torch.float32}


def test_clipping_by_value_equals_optim_wrapper() -> None:
    clip = dict(type="value", clip_value=0.01)
    plain, _ = fitted(OptimWrapper, clip_grad=dict(clip))
    ours, _ = fitted(AutocastOptimWrapper, dtype="float32", clip_grad=dict(clip))
    assert_equal(plain, ours)


def test_bfloat16_on_the_cpu() -> None:
    model, dtypes = fitted(AutocastOptimWrapper, dtype="bfloat16", steps=1)
    assert set(dtypes) == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not torch.is_autocast_enabled("cpu")


def test_grad_norm_is_that_before_clipping() -> None:
    model = nn.Linear(2, 1, bias=False)
    clip = dict(max_norm=0.5)
    wrapper = AutocastOptimWrapper(
        dtype="float32", optimizer=torch.optim.SGD(model.parameters(), lr=1.0), clip_grad=clip
    )
    before = model.weight.detach().clone()
    wrapper.update_params((model.weight * torch.tensor([[3.0, 4.0]])).sum())
    assert wrapper.grad_norm == 5
    assert (before - model.weight).norm().item() == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nonfinite_gradient_changes_nothing(bad: float) -> None:
    model = nn.Linear(2, 1)
    wrapper = AutocastOptimWrapper(dtype="float32", optimizer=torch.optim.AdamW(model.parameters(), lr=0.1, fused=True))
    before = [p.detach().clone() for p in model.parameters()]
    wrapper.update_params(model(torch.tensor([[1.0, bad]])).sum())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    wrapper.update_params(model(torch.ones(1, 2)).sum())
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_unknown_dtype() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    with pytest.raises(ValueError, match="'float16'; for float16 use AmpOptimWrapper"):
        AutocastOptimWrapper(dtype="float16", optimizer=optimizer)
