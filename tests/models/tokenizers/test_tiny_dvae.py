"""The built-in tokenizer and its training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from collage_pictures import perplexity, pictures, psnr

from mmmim.datasets import ToyImages
from mmmim.models.tokenizers import TinyDVAE
from mmmim.models.tokenizers.tiny_dvae import to_likelihood_range, to_unit_range


def random_tokenizer(**kwargs: Any) -> TinyDVAE:
    return TinyDVAE(**{**dict(checkpoint=None, allow_random=True), **kwargs})


# ---------------------------------------------------------------- the shipped weights


def test_size() -> None:
    assert sum(p.numel() for p in TinyDVAE().parameters()) == 622_350
    assert sum(p.numel() for p in random_tokenizer(num_codes=64).parameters()) == 622_350 - (512 - 64) * (
        193 + 129 + 128
    )


def test_built_in_weights_reconstruct_and_use_their_codes() -> None:
    tokenizer, images = TinyDVAE(), pictures()
    ids = tokenizer.encode(images)
    assert ids.shape == (64, 8, 8) and ids.dtype == torch.int64
    fine = psnr(images, tokenizer.decode(ids))
    blocks = torch.nn.functional.avg_pool2d(images, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    assert fine > 21.0
    assert perplexity(ids) > 150 and len(ids.unique()) > 350
    ids[:, ::2] = torch.randint(512, ids[:, ::2].shape, generator=torch.Generator().manual_seed(0))
    assert psnr(images, tokenizer.decode(ids)) < psnr(images, blocks) - 3


def test_codes_of_toy_pictures_tell_more_than_their_mean_colours() -> None:
    toys = ToyImages(64, 64, split="test")
    images = torch.stack([torch.from_numpy(np.array(toys.load(i))) for i in range(64)]).permute(0, 3, 1, 2) / 255
    tokenizer = TinyDVAE()
    blocks = torch.nn.functional.avg_pool2d(images, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    assert psnr(images, tokenizer.decode(tokenizer.encode(images))) > psnr(images, blocks)


def test_any_size_in_multiples_of_eight_and_one_cell_at_a_time() -> None:
    tokenizer = TinyDVAE()
    image = torch.full((1, 3, 40, 64), 0.1)
    dark = tokenizer.encode(image)
    image[:, :, 16:24, 40:48] = 0.9
    bright = tokenizer.encode(image)
    changed = (dark != bright).nonzero().tolist()
    assert dark.shape == (1, 5, 8) and [0, 2, 5] in changed
    difference = (tokenizer.decode(bright) - tokenizer.decode(dark)).mean(1)[0]
    assert difference[16:24, 40:48].mean() > 0.4


def test_frozen_and_left_out_of_checkpoints() -> None:
    tokenizer = TinyDVAE()
    assert not any(p.requires_grad for p in tokenizer.parameters()) and not tokenizer.state_dict()
    tokenizer.init_weights()
    assert not tokenizer.train().training
    with torch.device("meta"):
        assert TinyDVAE(num_codes=100).codebook.weight.shape == (100, 128)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_gives_nearly_the_same_codes(dtype: str) -> None:
    images = pictures(16)
    assert (TinyDVAE().encode(images) == TinyDVAE(dtype=dtype).encode(images)).float().mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(checkpoint=None), "checkpoint=None.*has no weights; give a checkpoint of tools/train.py"),
        (dict(checkpoint="nowhere.pth"), "checkpoint=nowhere.pth: does not exist.*TinyDVAE"),
        (dict(num_codes=64), "num_codes=64.*has 512 codes; set num_codes=512"),
        (dict(dims=64), "another shape"),
    ],
)
def test_unfit_weights(settings: dict, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        TinyDVAE(**settings).encode(torch.zeros(1, 3, 8, 8))


# ---------------------------------------------------------------- training


def test_maps_between_images_and_the_range_of_the_likelihood() -> None:
    x = torch.rand(4, 3, 8, 8, dtype=torch.float64)
    assert (to_unit_range(to_likelihood_range(x)) - x).abs().max() < 1e-15
    assert to_likelihood_range(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.1, 0.9])


def test_start_is_a_soft_nearest_centroid() -> None:
    tokenizer = random_tokenizer(num_codes=16)
    centres = torch.rand(16, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    noise = 0.01 * torch.randn(16, 40, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    patches = (centres[:, None] + noise).clamp(0, 1).flatten(0, 1)
    tokenizer.start_from(patches)
    pixels = to_likelihood_range(patches).flatten(1)
    logits = tokenizer.encode_logits(patches).flatten(1)
    weight = tokenizer.patch_logits.weight.flatten(1)
    scales = weight.square().sum(1) / 4 / -tokenizer.patch_logits.bias  # weight = 2 a c, bias = -a |c|^2
    a = scales.mean()
    assert (scales / a - 1).abs().max() < 1e-4
    centroids = weight / (2 * a)
    distance = torch.cdist(pixels, centroids).square()  # (n,V)
    expected = -a * (distance - pixels.square().sum(1, keepdim=True))
    assert (logits - expected).abs().max() < 1e-2 * expected.abs().max()
    assert logits.argmax(1).equal(distance.argmin(1))
    assert abs(tokenizer.codebook.weight.std().item() - 1) < 1e-5


def test_too_few_patches() -> None:
    with pytest.raises(ValueError, match="16 codes need at least as many patches to start from, got 15"):
        random_tokenizer(num_codes=16).start_from(torch.rand(15, 3, 8, 8))
