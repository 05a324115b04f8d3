from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tiny_tokenizers import random

from mmmim.models.tokenizers import DALLETokenizer
from mmmim.models.tokenizers.dalle import Block


def test_operations_in_place_leave_the_values() -> None:
    torch.manual_seed(0)
    for before in (16, 32):
        block = Block(before, 32, (3, 3, 3, 1), num_blocks=8)
        x = torch.randn(2, before, 6, 4)
        kept = x.clone()
        y = x
        for i in range(1, 5):
            layer = getattr(block.res_path, f"conv_{i}")
            y = F.conv2d(y.relu(), layer.w, layer.b, padding=layer.w.shape[-1] // 2)
        with torch.no_grad():
            out = block(x)
        assert torch.equal(x, kept)
        assert torch.equal(out, block.id_path(x) + y / 64)


@pytest.mark.parametrize("place", [(0, 0), (1, 4), (2, 0), (3, 2)])
def test_codes_lie_where_their_pixels_lie(place: tuple[int, int]) -> None:
    """Row-major, images that are not square: what a bright cell changes most is its own code, and back."""
    tokenizer, s, (row, column) = random(), DALLETokenizer.stride, place
    black = torch.zeros(1, 3, 4 * s, 5 * s)
    bright = black.clone()
    bright[:, :, row * s : (row + 1) * s, column * s : (column + 1) * s] = 1
    with torch.no_grad():
        change = (tokenizer.encode_logits(bright) - tokenizer.encode_logits(black)).square().sum(1).flatten()
    assert int(change.argmax()) == row * 5 + column

    ids = torch.zeros(1, 4, 5, dtype=torch.long)
    other = ids.clone()
    other[0, row, column] = 7
    change = (tokenizer.decode(other) - tokenizer.decode(ids)).square().sum(1)
    assert int(F.avg_pool2d(change, s).flatten().argmax()) == row * 5 + column
