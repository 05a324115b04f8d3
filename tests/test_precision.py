import pytest
import torch

from mmmim.precision import at_least_fp32


@pytest.mark.parametrize("given", [torch.float16, torch.bfloat16, torch.uint8, torch.int64, torch.float32])
def test_lower_precisions_and_integers_become_fp32(given: torch.dtype) -> None:
    values = at_least_fp32(torch.tensor([0, 1, 200], dtype=given))
    assert values.dtype == torch.float32 and values.tolist() == [0, 1, 200]


def test_float64_stays_as_it_is() -> None:
    values = torch.tensor([1 / 3], dtype=torch.float64)
    assert at_least_fp32(values) is values
