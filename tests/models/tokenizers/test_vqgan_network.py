import torch
from torch import nn

from mmmim.models.tokenizers.vqgan_network import Decoder, Encoder


def test_a_code_stands_for_16_pixels() -> None:
    encoder, decoder = Encoder(32, 12), Decoder(32, 12)
    codes = encoder(torch.randn(2, 3, 32, 48))
    assert codes.shape == (2, 12, 2, 3) and decoder(codes).shape == (2, 3, 32, 48)


def test_names_are_the_published_ones() -> None:
    names = set(Encoder(32, 64).state_dict()) | {f"decoder.{name}" for name in Decoder(32, 64).state_dict()}
    for name in (
        "conv_in.weight",
        "down.4.attn.1.q.weight",
        "mid.block_1.norm1.weight",
        "down.0.downsample.conv.weight",
    ):
        assert name in names
    assert "decoder.up.4.upsample.conv.weight" in names and "decoder.up.0.upsample.conv.weight" not in names


def test_places_far_apart_meet_in_the_attention_of_the_middle() -> None:
    encoder = Encoder(32, 8).eval()
    images = torch.randn(1, 3, 64, 64)
    other = images.clone()
    other[..., -1, -1] += 1
    with torch.no_grad():
        assert not torch.equal(encoder(images)[..., 0, 0], encoder(other)[..., 0, 0])
    assert sum(isinstance(module, nn.GroupNorm) and module.num_groups != 32 for module in encoder.modules()) == 0
