from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmmim.errors import UsageError, WeightsError
from mmmim.models.tokenizers import VQGANTokenizer
from mmmim.models.tokenizers.vqgan import Codebook


def test_the_nearest_entry_has_the_highest_score() -> None:
    book, vectors = Codebook(50, 6), torch.randn(2, 6, 3, 4)
    distances = (vectors[:, None] - book.embedding.weight[:, :, None, None]).square().sum(2)  # (B,V,h,w)
    assert book.scores(vectors).argmax(1).equal(distances.argmin(1))


def test_codes_are_compared_in_full_precision_under_autocast() -> None:
    book, vectors = Codebook(50, 6), torch.randn(1, 6, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(book.scores(vectors), book.scores(vectors.double().float()))
        assert book.scores(vectors).dtype == torch.float32


def tokenizer(checkpoint: Path | None = None, num_codes: int = 8) -> VQGANTokenizer:
    return VQGANTokenizer(checkpoint=checkpoint and str(checkpoint), num_codes=num_codes, width=32)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return dict(tokenizer().named_parameters())


def test_a_file_with_the_loss_of_its_training_is_read(weights: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(dict(state_dict={**weights, "loss.discriminator.weight": torch.zeros(2)}), tmp_path / "last.ckpt")
    read = tokenizer(tmp_path / "last.ckpt")
    images = torch.rand(1, 3, 32, 48)
    ids = read.encode(images)
    assert ids.shape == (1, 2, 3) and read.decode(ids).shape == images.shape
    torch.testing.assert_close(read.quantize.embedding.weight, weights["quantize.embedding.weight"])


def test_another_number_of_codes_is_named(weights: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(dict(state_dict=weights), tmp_path / "last.ckpt")
    with pytest.raises(WeightsError, match=r"last\.ckpt has 8 codes, the tokenizer num_codes=16; set num_codes=8"):
        tokenizer(tmp_path / "last.ckpt", 16).encode(torch.rand(1, 3, 32, 32))


def test_the_number_of_codes_is_part_of_the_file_s_name() -> None:
    assert VQGANTokenizer(num_codes=1024, width=32).checkpoint.endswith("vqgan_imagenet_f16_1024.ckpt")


@pytest.mark.parametrize("width", [16, 48])
def test_unfit_width(width: int) -> None:
    with pytest.raises(UsageError, match=rf"width={width} must be a multiple of 32"):
        VQGANTokenizer(width=width)
