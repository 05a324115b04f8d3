"""The pixel generator keeps what is visible and samples around its prediction."""

from __future__ import annotations

import pytest
import torch
from small_generator import MEAN, STD, build, draw, pictures

from mmmim.models.generators import PixelGenerator


def pixel_generator(**changes) -> PixelGenerator:
    vit = dict(type="mmmim.ViT", arch=dict(embed_dims=24, depth=2, num_heads=2))
    neck = dict(type="mmmim.MAEDecoder", dims=16, depth=1, num_heads=2)
    return PixelGenerator(vit, neck, input_size=(64, 96), mean=MEAN, std=STD, **changes)


def test_pixel_generator_keeps_visible_patches_and_samples_around_its_prediction() -> None:
    generator, images = pixel_generator(), pictures()
    mask = draw(generator, images, 12)
    made = generator(images, mask)
    hidden = mask.mask[:, None].repeat_interleave(16, 2).repeat_interleave(16, 3).expand_as(images)
    torch.testing.assert_close(made.images[~hidden], images[~hidden], rtol=0, atol=1e-5)
    assert made.replaced is None and not made.images.requires_grad
    made.losses["loss_generator"].backward()
    assert all(p.grad is not None for p in generator.parameters() if p.requires_grad)

    generator.eval()
    generator.error.fill_(0.0)
    assert torch.equal(generator(images, mask).images, generator(images, mask).images)
    generator.error.copy_(torch.tensor([0.01, 0.04, 0.09]))
    draws = torch.stack([generator(images, mask).images for _ in range(60)])
    spread = draws.std(0).masked_fill(~hidden, float("nan"))
    for channel, expected in enumerate((0.1, 0.2, 0.3)):
        assert spread[:, channel].nanmedian().item() == pytest.approx(expected, rel=0.06)


def test_pixel_generator_tracks_the_error_of_each_channel() -> None:
    generator, images = pixel_generator(momentum=0.9), pictures()
    images[:, 1] += 20
    generator(images, draw(generator, images, 12))
    assert generator.error[1] > 30 and generator.error[0] < 2


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(sample_mode="top"), "sample_mode"),
        (dict(temperature=0.0), "temperature=0.0 must be above 0"),
        (dict(upsample="lanczos"), "upsample"),
        (dict(in_channels=4), "in_channels=4"),
        (dict(share_layers=3), "share_layers=3 must lie in 0..2"),
        (dict(frozen=True), "needs the checkpoint"),
        (dict(frozen=True, share_layers=2, checkpoint="x.pth"), "shared layers are trained"),
        (dict(num_heads=5), "not divisible by num_heads=5"),
        (dict(input_size=(64, 90)), "90"),
    ],
)
def test_bad_arguments(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changes)
