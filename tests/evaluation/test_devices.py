from __future__ import annotations

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.evaluation.devices import usable_device


def test_the_default_is_a_device_of_this_machine() -> None:
    assert usable_device() == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert usable_device("cpu") == usable_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("device", ["cudaa", "cuda:99", ""])
def test_another_device_is_refused_in_one_line(device: str) -> None:
    with pytest.raises(UsageError, match=rf"device='{device}' cannot be used here .*choose one of cpu") as told:
        usable_device(device)
    assert "\n" not in str(told.value)
