from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from mmmim.plan import cuda_shapes
from mmmim.plan.cuda_shapes import cuda_rules


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    with FakeTensorMode(), cuda_rules():
        yield


def heads(width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(2, 3, 10, width, device="cuda", dtype=dtype)


@pytest.mark.parametrize("width", [8, 12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_has_the_shape_of_its_values(width: int, dtype: torch.dtype) -> None:
    query = heads(width, dtype)
    output = F.scaled_dot_product_attention(query, query, query)
    assert output.shape == query.shape and output.dtype == dtype and output.device.type == "cuda"


def test_autocast_lowers_the_precision_of_attention() -> None:
    query = heads(8)
    with torch.autocast("cuda", torch.bfloat16):
        assert F.scaled_dot_product_attention(query, query, query).dtype == torch.bfloat16


@pytest.mark.parametrize(("columns", "copied"), [(16, False), (10, True)])
def test_a_bias_whose_rows_are_not_aligned_is_copied(columns: int, copied: bool) -> None:
    bias = torch.empty(2, 3, 10, columns, device="cuda")
    aligned = cuda_shapes._aligned(bias)
    assert aligned.shape == bias.shape and (aligned is not bias) == copied
    assert aligned.stride(-2) == 16


def test_a_sampled_image_has_the_size_of_the_positions() -> None:
    images, positions = torch.empty(2, 3, 8, 8, device="cuda"), torch.empty(2, 5, 6, 2, device="cuda")
    with torch.no_grad():
        assert F.grid_sample(images, positions).shape == (2, 3, 5, 6)
