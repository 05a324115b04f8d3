import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from torch import nn

from mmmim.engine.optim import AutocastOptimWrapper
from mmmim.engine.optim.wrappers import no_gradients_pending, step_precision, wrappers_of


def wrapper(accumulation: int = 1) -> tuple[OptimWrapper, nn.Module]:
    model = nn.Linear(2, 1)
    return OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=accumulation), model


def test_a_run_has_one_or_several() -> None:
    (one, _), (two, _) = wrapper(), wrapper()
    assert wrappers_of(one) == [one]
    assert wrappers_of(OptimWrapperDict(a=one, b=two)) == [one, two]


def test_gradients_are_pending_between_the_steps_of_a_window() -> None:
    (each, model), (plain, _) = wrapper(3), wrapper()
    each.initialize_count_status(model, 0, 6)
    pending = []
    for _ in range(6):
        with each.optim_context(model):
            each.update_params(model(torch.ones(1, 2)).sum())
        pending.append(not no_gradients_pending(each))
    assert pending == [True, True, False, True, True, False]
    each.initialize_count_status(model, 1, 6)
    assert not no_gradients_pending(OptimWrapperDict(a=each, b=plain)) and no_gradients_pending(plain)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (lambda optimizer: OptimWrapper(optimizer), torch.float32),
        (lambda optimizer: AutocastOptimWrapper("float32", optimizer=optimizer), torch.float32),
        (lambda optimizer: AutocastOptimWrapper("bfloat16", optimizer=optimizer), torch.bfloat16),
        (lambda optimizer: amp(optimizer, None), torch.bfloat16),  # autocast's default on a CPU
        (lambda optimizer: amp(optimizer, torch.float16), torch.float16),
    ],
)
def test_modules_run_in_the_precision_of_the_steps(kind, expected) -> None:
    model = nn.Linear(2, 1)
    with step_precision(kind(torch.optim.SGD(model.parameters(), lr=0.1)), torch.device("cpu")):
        assert model(torch.ones(1, 2)).dtype == expected


def amp(optimizer: torch.optim.Optimizer, dtype: torch.dtype | None) -> AmpOptimWrapper:
    """An ``AmpOptimWrapper``, whose constructor asks for a device."""
    found = AmpOptimWrapper.__new__(AmpOptimWrapper)
    OptimWrapper.__init__(found, optimizer)
    found.cast_dtype = dtype
    return found
