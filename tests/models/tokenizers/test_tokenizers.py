"""The published tokenizers: what holds for every image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_tokenizers import build, images, random
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmmim.registry import MODELS


def test_lookup_is_the_convolution_of_one_hot_codes() -> None:
    tokenizer = random()
    layer = tokenizer.decoder.blocks.input
    nn.init.normal_(layer.b)
    ids = torch.from_numpy(np.random.RandomState(0).randint(0, 24, (2, 6, 4))).long()
    one_hot = F.one_hot(ids, 24).permute(0, 3, 1, 2).float()
    assert torch.equal(layer(ids), F.conv2d(one_hot, layer.w, layer.b))


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (5, 2)])
def test_any_multiple_of_the_stride_and_chunks(name: str, grid: tuple[int, int]) -> None:
    tokenizer = random(name)
    pixels = images(*(side * tokenizer.stride for side in grid))
    ids = tokenizer.encode(pixels)
    assert ids.shape == (2, *grid) and ids.dtype == torch.int64
    assert ids.min() >= 0 and ids.max() < tokenizer.num_codes
    decoded = tokenizer.decode(ids)
    assert decoded.shape == pixels.shape and decoded.min() >= 0 and decoded.max() <= 1
    chunked = random(name, chunk=1)
    assert torch.equal(chunked.encode(pixels), ids) and torch.allclose(chunked.decode(ids), decoded, atol=1e-4)


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_low_precision_decides_between_codes_in_full_precision(name: str) -> None:
    tokenizer, low = random(name), random(name, dtype="bfloat16")
    seen: list[torch.dtype] = []
    inner = low.encoder.blocks.group_1.block_1.res_path.conv_1 if name == "DALLETokenizer" else low.encoder.conv_in
    inner.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    score = low.encode_logits

    def watched(part: Tensor) -> Tensor:
        scores = score(part)
        seen.append(scores.dtype)
        return scores

    low.encode_logits = watched
    pixels = images(64, 80).to(memory_format=torch.channels_last)
    agreement = (low.encode(pixels) == tokenizer.encode(pixels)).float().mean()
    assert seen == [torch.bfloat16, torch.float32] and agreement > 0.9
    ids = tokenizer.encode(pixels)
    assert low.decode(ids).dtype == torch.float32
    assert (low.decode(ids) - tokenizer.decode(ids)).abs().mean() < 0.01


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_images_in_low_precision_are_taken(name: str) -> None:
    tokenizer, pixels = random(name), images(32, 32).bfloat16()
    assert torch.equal(tokenizer.encode(pixels), tokenizer.encode(pixels.float()))


@pytest.mark.parametrize("name", ["DALLETokenizer", "VQGANTokenizer"])
def test_frozen_and_left_out_of_checkpoints(name: str) -> None:
    tokenizer, kept = random(name), random(name, save_weights=True)
    assert not any(value.requires_grad for value in tokenizer.parameters())
    assert not tokenizer.train().training
    assert not tokenizer.state_dict() and len(kept.state_dict()) == len(list(kept.parameters()))
    before = [value.clone() for value in tokenizer.parameters()]
    nn.ModuleDict(dict(tokenizer=tokenizer)).load_state_dict({}, strict=True)
    assert all(map(torch.equal, before, tokenizer.parameters()))


def test_decoding_alone_in_bfloat16() -> None:
    full, half = random(), random(decode_dtype="bfloat16")
    half.load_state_dict({k: v for k, v in full.named_parameters()}, strict=True)
    ids = full.encode(images(32, 32))
    assert torch.equal(half.encode(images(32, 32)), ids)
    difference = (half.decode(ids) - full.decode(ids)).abs()
    assert difference.max() > 0 and difference.mean() < 2e-3


def test_weights_in_a_checkpoint_need_no_file() -> None:
    kept = random(save_weights=True)
    resumed = build("DALLETokenizer", save_weights=True, checkpoint="nowhere.pth")
    resumed.load_state_dict(kept.state_dict())
    assert torch.equal(resumed.encode(images(32, 32)), kept.encode(images(32, 32)))


def test_built_on_the_meta_device() -> None:
    with torch.device("meta"):
        for name, codes in (("DALLETokenizer", 8192), ("VQGANTokenizer", 16384), ("VQGANTokenizer", 1024)):
            tokenizer = MODELS.build(dict(type=name, num_codes=codes, allow_random=True))
            assert tokenizer.num_codes == codes and all(value.is_meta for value in tokenizer.parameters())


@pytest.mark.parametrize(("name", "width"), [("DALLETokenizer", 6), ("VQGANTokenizer", 48)])
def test_unfit_width(name: str, width: int) -> None:
    with pytest.raises(ValueError, match=f"width={width} must be a multiple of"):
        MODELS.build(dict(type=name, width=width))


def test_operations_per_image_at_14_by_14_codes() -> None:
    """GMACs: DALL-E's at 112 pixels without its one-hot convolution, VQGAN's at 224 with the distances to all codes."""
    expected = dict(DALLETokenizer=(26.1, 29.3), VQGANTokenizer=(52.96 + 16384 * 256 * 196 / 1e9, 96.7))
    for name, counts in expected.items():
        with torch.device("meta"):
            tokenizer = MODELS.build(dict(type=name, allow_random=True))
            pixels = torch.empty(1, 3, 14 * tokenizer.stride, 14 * tokenizer.stride)
            for function, inputs, count in zip(
                (tokenizer.encode, tokenizer.decode), (pixels, torch.zeros(1, 14, 14).long()), counts, strict=True
            ):
                with FlopCounterMode(display=False) as counter:
                    function(inputs)
                assert counter.get_total_flops() / 2e9 == pytest.approx(count, abs=0.1)
