from __future__ import annotations

import pytest
import torch

from mmmim.errors import UsageError
from mmmim.models.target_generators import ReplacedTokenTarget


def test_tokens_of_an_output_are_listed_row_by_row() -> None:
    target = ReplacedTokenTarget(32, 16)
    replaced = torch.zeros(1, 2, 4, dtype=torch.bool)
    replaced[0, 0, 1] = replaced[0, 1, 2] = True
    assert target.dims == 4
    assert target(replaced).tolist() == [[[0, 1, 0, 0], [0, 0, 1, 0]]]
    assert ReplacedTokenTarget(16, 16)(replaced).shape == (1, 8, 1)


def test_replaced_tokens_are_drawn_darker() -> None:
    target, images = ReplacedTokenTarget(4, 2), torch.full((1, 3, 4, 8), 0.5)
    logits = torch.full((1, 2, 4), -100.0)
    logits[0, 1, 2] = 100.0  # the lower left token of the right output
    drawn = target.to_image(logits, images)
    expected = images.clone()
    expected[:, :, 2:, 4:6] *= 0.2
    torch.testing.assert_close(drawn, expected)


def test_tokens_that_do_not_fill_an_output_are_refused() -> None:
    with pytest.raises(
        UsageError,
        match=r"stands for \(16, 16\) pixels, no multiple of token_size=\(12, 12\)",
    ):
        ReplacedTokenTarget(16, 12)
