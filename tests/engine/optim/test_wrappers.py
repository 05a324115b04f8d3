import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from mmmim.engine.optim.wrappers import no_gradients_pending, wrappers_of


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
