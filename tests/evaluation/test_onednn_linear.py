import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmmim.evaluation import onednn_linear
from mmmim.evaluation.onednn_linear import fast_linear


@pytest.fixture(autouse=True)
def avx512(monkeypatch):
    monkeypatch.setattr(onednn_linear, "_has_avx512", lambda: True)


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 7), (2, 3, 4, 7), (1, 6, 7), (7,), (0, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layers_give_the_same_numbers(shape, bias):
    layer, x = nn.Linear(7, 11, bias=bias), torch.randn(shape)
    expected = layer(x)
    with torch.no_grad(), fast_linear():
        torch.testing.assert_close(layer(x), expected.detach(), rtol=1e-5, atol=1e-6)


def test_any_layout_of_the_input_will_do():
    layer, x = nn.Linear(7, 11), torch.randn(4, 7, 9)
    expected = layer(x.transpose(1, 2))
    with torch.no_grad(), fast_linear():
        torch.testing.assert_close(layer(x.transpose(1, 2)), expected.detach(), rtol=1e-5, atol=1e-6)


def test_convolutions_are_used_for_fp32_on_the_host_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(onednn_linear, "_convolve", lambda x, *_: seen.append(x.dtype) or x)
    with torch.no_grad(), fast_linear():
        F.linear(torch.ones(2, 3), torch.ones(3, 3))
        F.linear(torch.ones(2, 3).double(), torch.ones(3, 3).double())
        F.linear(torch.ones(2, 3, device="meta"), torch.ones(3, 3, device="meta"))
        with torch.autocast("cpu", torch.bfloat16):
            assert F.linear(torch.ones(2, 3), torch.ones(3, 3)).dtype == torch.bfloat16
    assert seen == [torch.float32]


def test_other_cpus_keep_what_torch_chooses(monkeypatch):
    monkeypatch.setattr(onednn_linear, "_has_avx512", lambda: False)
    monkeypatch.setattr(onednn_linear, "_convolve", lambda *_: pytest.fail("used"))
    with torch.no_grad(), fast_linear():
        F.linear(torch.ones(2, 3), torch.ones(3, 3))
