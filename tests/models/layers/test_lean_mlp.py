from __future__ import annotations

import pytest
import torch
from timm.layers import Mlp
from torch import Tensor, nn
from torch.autograd import gradcheck

from mmmim.models.layers.lean_mlp import GeluLinear, LeanMlp


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)


def test_gradients_are_those_of_finite_differences() -> None:
    inputs = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 5), (4, 5), (4,))]
    assert gradcheck(GeluLinear.apply, inputs)


@pytest.mark.parametrize("with_norm", [True, False])
def test_it_is_timms_mlp(tokens: Tensor, with_norm: bool) -> None:
    lean, plain = LeanMlp(8, 32).double(), Mlp(8, 32).double()
    norm = nn.LayerNorm(8, dtype=torch.float64)
    plain.load_state_dict(lean.state_dict())
    one, other = (
        lean(tokens, norm) if with_norm else lean(tokens),
        plain(norm(tokens) if with_norm else tokens),
    )
    torch.testing.assert_close(one, other)
    for each in (one, other):
        each.square().sum().backward()
    for name, parameter in lean.named_parameters():
        torch.testing.assert_close(parameter.grad, plain.get_parameter(name).grad)


def test_only_the_hidden_values_are_kept_for_the_backward_pass(tokens: Tensor) -> None:
    def kept(model: nn.Module) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(tokens)
        return sum(sizes.values())

    assert kept(Mlp(8, 32).double()) - kept(LeanMlp(8, 32).double()) == 2 * 3 * 32


def test_without_gradients_it_gives_the_same(tokens: Tensor) -> None:
    mlp = LeanMlp(8, 32).double()
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), mlp.fc2(nn.functional.gelu(mlp.fc1(tokens))))
