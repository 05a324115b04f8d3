from __future__ import annotations

import pytest
import torch
from timm.models.vision_transformer import Block
from torch import Tensor

from mmmim.models.layers.attention import LeanBlock, block_with_cls_logits, cls_logits


@pytest.fixture
def block() -> LeanBlock:
    return LeanBlock(12, 3).double()


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(2, 7, 12, dtype=torch.float64)


def logits_by_hand(block: LeanBlock, tokens: Tensor) -> Tensor:
    """The class token's row of ``q k^T / sqrt(d)``, head by head."""
    query, key, _ = block.attn.qkv(block.norm1(tokens)).view(2, 7, 3, 3, 4).permute(2, 0, 3, 1, 4)  # (B,H,n,d)
    return torch.einsum("bhd,bhnd->bhn", query[:, :, 0], key) / 2


def test_it_is_timms_block_under_timms_names(block: LeanBlock, tokens: Tensor) -> None:
    plain = Block(12, 3, qkv_bias=True).double()
    plain.load_state_dict(block.state_dict())
    torch.testing.assert_close(block(tokens), plain(tokens))


def test_selected_rows_are_rows_of_the_whole(block: LeanBlock, tokens: Tensor) -> None:
    torch.testing.assert_close(block(tokens, lambda x: x[:, 2:4]), block(tokens)[:, 2:4])


def test_logits_of_the_class_token(block: LeanBlock, tokens: Tensor) -> None:
    torch.testing.assert_close(cls_logits(block, tokens), logits_by_hand(block, tokens))
    output, logits = block_with_cls_logits(block, tokens)
    torch.testing.assert_close(output, block(tokens))
    torch.testing.assert_close(logits, logits_by_hand(block, tokens))


def test_logits_are_in_full_precision_under_autocast(tokens: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert cls_logits(LeanBlock(12, 3), tokens.float()).dtype == torch.float32
