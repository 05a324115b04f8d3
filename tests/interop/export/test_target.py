import pytest
import torch

from mmmim.interop.export.target import DOUBLE, SINGLE, Target


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, DOUBLE), (torch.float32, SINGLE)])
def test_features_in_single_precision_may_differ_more(dtype: torch.dtype, tolerance: float) -> None:
    form = Target(lambda *_: "", lambda *_: None, lambda *_: lambda images: images, dtype=dtype)
    assert form.tolerance == tolerance and DOUBLE < SINGLE


def test_a_form_is_a_file_without_a_head_unless_it_says_more() -> None:
    form = Target(lambda *_: "", lambda *_: None, lambda *_: lambda images: images)
    assert form.heads == () and not form.is_folder and form.dtype == torch.float64
