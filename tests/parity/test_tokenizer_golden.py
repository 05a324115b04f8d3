"""Golden values of the published tokenizers' own code, float64; parameters and images by the closed forms below."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mmmim.models.tokenizers import DALLETokenizer, Tokenizer, VQGANTokenizer


def about(*values: float) -> Any:
    return pytest.approx(values, rel=0, abs=1e-6)


def images() -> Tensor:
    return torch.from_numpy(np.random.RandomState(0).uniform(size=(2, 3, 64, 48)))


def codes(high: int, *size: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(3).randint(0, high, size)).long()


@torch.no_grad()
def fill_by_name(tokenizer: Tokenizer, halves: bool) -> None:
    """Standard normal numbers seeded by the name, scaled by what the parameter is; each half of DALL-E by itself."""
    tokenizer.double()
    for name, value in tokenizer.named_parameters():
        own = name.partition(".")[2] if halves else name
        numbers = np.random.RandomState(zlib.crc32(own.encode())).standard_normal(tuple(value.shape))
        drawn = torch.from_numpy(numbers)
        parent, kind = own.rsplit(".", 2)[-2:]
        fan = value[0].numel()
        if kind in ("b", "bias"):
            drawn = 0.02 * drawn
        elif parent.startswith("norm"):
            drawn = 1 + 0.1 * drawn
        elif kind == "w":
            drawn = drawn * (2 / fan) ** 0.5
        elif own != "quantize.embedding.weight":
            drawn = drawn * (1 / fan) ** 0.5
        value.copy_(drawn.float())


def test_dalle() -> None:
    tokenizer = DALLETokenizer(allow_random=True)
    assert sum(value.numel() for value in tokenizer.encoder.parameters()) == 53_786_240
    assert sum(value.numel() for value in tokenizer.decoder.parameters()) == 43_829_766
    assert len(list(tokenizer.encoder.parameters())) == 74
    assert len(list(tokenizer.decoder.parameters())) == 76
    fill_by_name(tokenizer, halves=True)

    with torch.no_grad():
        logits = tokenizer.encode_logits(images())
    assert logits.shape == (2, 8192, 8, 6)
    measured = [logits.abs().mean(), logits[0, 0, 0, 0], logits[1, 8191, 7, 5], logits[0].max()]
    assert tuple(map(float, measured)) == about(1.7865029067, 0.4311727935, 2.5038501136, 10.36253009)
    ids = logits.argmax(1)
    assert ids[1, 7].tolist() == [7432, 2395, 2395, 2395, 2395, 2395]
    assert int(ids.sum()) == 234957

    with torch.no_grad():
        out = tokenizer.decoder(codes(8192, 2, 8, 6))
    assert out.shape == (2, 6, 64, 48)
    measured = [out.abs().mean(), out[0, 0, 0, 0], out[1, 5, 63, 47]]
    assert tuple(map(float, measured)) == about(0.1302571876, 0.1535863059, 0.0577248321)
    decoded = tokenizer.decode(codes(8192, 2, 8, 6))
    measured = [decoded.double().mean(), decoded[0, 1, 10, 20], decoded[1, 2, 40, 33]]
    assert tuple(map(float, measured)) == about(0.5284670240, 0.4534956341, 0.5731466578)


def test_vqgan() -> None:
    tokenizer = VQGANTokenizer(num_codes=1024, allow_random=True)
    assert sum(value.numel() for value in tokenizer.encoder.parameters()) == 29_298_176
    assert sum(value.numel() for value in tokenizer.decoder.parameters()) == 42_449_795
    assert len(list(tokenizer.encoder.parameters())) == 144
    assert len(list(tokenizer.decoder.parameters())) == 194
    fill_by_name(tokenizer, halves=False)

    with torch.no_grad():
        vectors = tokenizer.encode_vectors(images())
    assert vectors.shape == (2, 256, 4, 3)
    measured = [vectors.abs().mean(), vectors[0, 0, 0, 0]]
    assert tuple(map(float, measured)) == about(0.4037318885, -0.2642922129)
    assert tokenizer.quantize.scores(vectors).argmax(1).flatten(1).tolist() == [
        [509, 168, 266, 332, 283, 843, 730, 465, 12, 843, 455, 12],
        [1023, 332, 12, 518, 395, 843, 518, 730, 266, 455, 281, 12],
    ]

    with torch.no_grad():
        vectors = tokenizer.quantize.embedding(codes(1024, 2, 4, 3)).permute(0, 3, 1, 2)
        out = tokenizer.decoder(tokenizer.post_quant_conv(vectors))
    measured = [out.abs().mean(), out[0, 0, 0, 0], out[1, 2, 63, 47]]
    assert tuple(map(float, measured)) == about(0.4519637767, 0.0136967628, 0.1305885932)
