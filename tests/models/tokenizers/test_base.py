from __future__ import annotations

import pytest
import torch
from tiny_tokenizers import images, random

from mmmim.models.tokenizers import Tokenizer


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_unfit_images(name: str) -> None:
    tokenizer: Tokenizer = random(name)
    with pytest.raises(ValueError, match="divide uint8 images by 255"):
        tokenizer.encode((images(32, 32) * 255).to(torch.uint8))
    with pytest.raises(ValueError, match=r"RGB images .* got torch.float32 \(2, 1, 32, 32\)"):
        tokenizer.encode(images(32, 32)[:, :1])
    with pytest.raises(ValueError, match=rf"\(32, 36\); choose multiples of {tokenizer.stride}"):
        tokenizer.encode(images(32, 36))
