import math

import pytest
import torch

from mmmim.engine.optim.lars import LARS

LR, MOMENTUM, DECAY, TRUST = 0.5, 0.9, 0.1, 0.001


def reference_steps(weight, gradients, matrix):
    weight, buffer = list(weight), [0.0] * len(weight)
    for gradient in gradients:
        step = list(gradient)
        if matrix:
            step = [g + DECAY * w for g, w in zip(step, weight, strict=True)]
            weight_norm = math.sqrt(sum(w * w for w in weight))
            step_norm = math.sqrt(sum(g * g for g in step))
            if weight_norm > 0 and step_norm > 0:
                step = [TRUST * weight_norm / step_norm * g for g in step]
        buffer = [MOMENTUM * b + g for b, g in zip(buffer, step, strict=True)]
        weight = [w - LR * b for w, b in zip(weight, buffer, strict=True)]
    return weight


@pytest.mark.parametrize("shape", [(3, 4), (12,), (1, 2, 6)])
@pytest.mark.parametrize("start", [1.0, 0.0])
def test_equals_plain_python(shape, start):
    generator = torch.Generator().manual_seed(3)
    weight = (start * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
    gradients = torch.randn(5, 12, generator=generator, dtype=torch.float64)
    expected = reference_steps(weight.detach().flatten().tolist(), gradients.tolist(), matrix=len(shape) > 1)
    optimizer = LARS([weight], lr=LR, momentum=MOMENTUM, weight_decay=DECAY, trust_coefficient=TRUST)
    for gradient in gradients:
        weight.grad = gradient.reshape(shape).clone()
        optimizer.step()
        torch.testing.assert_close(weight.grad.flatten(), gradient)  # the gradient itself is left alone
    torch.testing.assert_close(weight.detach().flatten().tolist(), expected, rtol=1e-12, atol=1e-12)


def test_built_by_name_and_resumes():
    from mmengine.optim import build_optim_wrapper

    def run(steps, state=None):
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 2)
        wrapper = build_optim_wrapper(layer, dict(type="OptimWrapper", optimizer=dict(type="mmmim.LARS", lr=0.1)))
        if state is not None:
            layer.load_state_dict(state[0])
            wrapper.load_state_dict(state[1])
        for _ in range(steps):
            wrapper.update_params(layer(torch.ones(3, 4)).square().mean())
        return layer.state_dict(), wrapper.state_dict()

    torch.testing.assert_close(run(2, run(2))[0], run(4)[0], rtol=0, atol=0)


@pytest.mark.parametrize("change", [{"lr": -1.0}, {"momentum": -0.1}, {"trust_coefficient": 0.0}])
def test_bad_values_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        LARS([torch.nn.Parameter(torch.ones(2))], **{"lr": 0.1, **change})
