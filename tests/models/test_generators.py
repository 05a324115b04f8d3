"""CIM's generators: what is predicted, what is sampled, what is painted."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from palette import PaletteTokenizer
from torch import Tensor

from mmmim.models.backbones import BEiTViT
from mmmim.models.generators import PixelGenerator, TokenGenerator, sample_tokens
from mmmim.models.layers import PatchMask

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def build(**changes) -> TokenGenerator:
    settings = dict(
        tokenizer=dict(type=PaletteTokenizer),
        embed_dims=24,
        depth=3,
        num_heads=2,
        input_size=(64, 96),
        mean=MEAN,
        std=STD,
    )
    return TokenGenerator(**(settings | changes))


def pictures(batch: int = 2, size: tuple[int, int] = (64, 96)) -> Tensor:
    coarse = torch.rand(batch, 3, 4, 4)
    pixels = F.interpolate(coarse, size, mode="bilinear").clamp(0, 1)
    return (pixels * 255 - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)


def draw(generator: TokenGenerator, images: Tensor, hidden: int) -> PatchMask:
    grid = images.shape[2] // generator.patch_size[0], images.shape[3] // generator.patch_size[1]
    return PatchMask.from_keys(torch.rand(len(images), grid[0] * grid[1]), hidden, grid)


# ---------------------------------------------------------------- sampling


@pytest.mark.parametrize("autocast", [False, True])
def test_samples_follow_the_softmax(autocast: bool) -> None:
    logits = torch.randn(64) * 1.5
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        drawn = sample_tokens(logits.expand(200_000, -1))
    frequency = torch.bincount(drawn, minlength=64) / 200_000
    assert 0.5 * (frequency - logits.softmax(0)).abs().sum() < 0.008


def test_bfloat16_logits_are_sampled_in_float32() -> None:
    logits = torch.zeros(100_000, 64, dtype=torch.bfloat16)
    frequency = torch.bincount(sample_tokens(logits), minlength=64) / 100_000
    assert 0.5 * (frequency - 1 / 64).abs().sum() < 0.015  # ties of coarse noise would favour low ids: 0.9 and more


def test_temperature_sharpens_until_only_the_largest_is_drawn() -> None:
    logits = torch.randn(500, 32)
    assert torch.equal(sample_tokens(logits, temperature=1e-4), logits.argmax(-1))
    assert torch.equal(sample_tokens(logits, "argmax"), logits.argmax(-1))
    hot = sample_tokens(logits[:1].expand(50_000, -1), temperature=2.0)
    frequency = torch.bincount(hot, minlength=32) / 50_000
    assert 0.5 * (frequency - (logits[0] / 2).softmax(0)).abs().sum() < 0.015


def test_uniform_ignores_the_logits() -> None:
    logits = torch.zeros(100_000, 16)
    logits[:, 3] = 50
    frequency = torch.bincount(sample_tokens(logits, "uniform"), minlength=16) / 100_000
    assert 0.5 * (frequency - 1 / 16).abs().sum() < 0.01


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("mode", ["softmax", "argmax", "uniform"])
def test_only_hidden_tokens_change_and_labels_say_which(mode: str) -> None:
    generator, images = build(sample_mode=mode), pictures()
    mask = draw(generator, images, 9)
    golden = generator.golden(images)
    ids = generator.sample(golden, generator.logits(images, mask), mask)
    visible = ~mask.mask.flatten(1)
    assert torch.equal(ids[visible], golden[visible])
    torch.manual_seed(3)
    made = generator(images, mask)
    torch.manual_seed(3)
    again = generator.sample(golden, generator.logits(images, mask), mask)
    assert torch.equal(made.replaced.flatten(1), again != golden)
    assert not made.replaced[~mask.mask].any()
    assert made.losses["replaced_ratio"] == made.replaced.float().mean()


def test_argmax_is_deterministic() -> None:
    generator, images = build(sample_mode="argmax"), pictures()
    mask = draw(generator, images, 9)
    assert torch.equal(generator(images, mask).images, generator(images, mask).images)


def test_golden_samples_replace_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, images = build(), pictures()
    monkeypatch.setattr(generator, "sample", lambda golden, logits, mask: golden)
    made = generator(images, draw(generator, images, 12))
    assert not made.replaced.any()
    assert torch.equal(made.images, generator.paint(generator.golden(images), images))


def test_nothing_hidden_paints_the_tokens_of_the_image() -> None:
    generator, images = build(), pictures()
    mask = draw(generator, images, 0)
    with pytest.warns(UserWarning, match="hides no patch"):
        made = generator(images, mask)
    tokenizer = generator.tokens.tokenizer
    pixels = generator.color_space.to_unit(images)
    small = F.interpolate(pixels, (32, 48), mode="bicubic", antialias=True).clamp(0, 1)
    decoded = F.interpolate(tokenizer.decode(tokenizer.encode(small)), (64, 96), mode="bicubic").clamp(0, 1)
    assert torch.equal(made.images, generator.color_space.normalise(decoded))
    assert not made.replaced.any()
    made.losses["loss_generator"].backward()
    assert made.losses["loss_generator"] == 0
    assert all(p.grad is not None for p in generator.encoder.parameters())


def test_everything_hidden_is_legal() -> None:
    generator, images = build(), pictures()
    assert generator(images, draw(generator, images, 24)).images.shape == images.shape


def test_loss_is_the_mean_over_all_hidden_tokens() -> None:
    generator, images = build(), pictures(3)
    mask = draw(generator, images, 7)
    logits, golden = generator.logits(images, mask), generator.golden(images)
    total = 0.0
    for b in range(3):
        for place, patch in enumerate(mask.hidden[b]):
            total -= logits[b, place].log_softmax(-1)[golden[b, patch]].item()
    made = generator(images, mask)
    assert made.losses["loss_generator"].item() == pytest.approx(total / 21, rel=1e-6)
    hits = (logits.argmax(-1) == golden.gather(1, mask.hidden)).float().mean()
    assert made.losses["token_accuracy"].item() == pytest.approx(100 * hits.item())


def test_hidden_patches_are_not_seen() -> None:
    generator, images = build(), pictures()
    mask = draw(generator, images, 10)
    hidden = mask.mask[:, None].repeat_interleave(16, 2).repeat_interleave(16, 3)
    changed = torch.where(hidden, torch.randn_like(images), images)
    assert torch.equal(generator.logits(images, mask), generator.logits(changed, mask))


def test_token_view_is_what_the_tokenizer_reads() -> None:
    generator, images = build(), pictures()
    white = (torch.ones(2, 3, 32, 48) * 255 - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)
    assert (generator.golden(images, white) == 15).all()
    with pytest.raises(ValueError, match=r"32.*48|48"):
        generator.golden(images, white[..., :40])


def test_tokens_are_listed_row_by_row() -> None:
    generator = build()
    dark = torch.full((1, 3, 64, 96), -1.8)
    bright = dark.clone()
    bright[:, :, 32:48, 64:80] = 2.0  # patch (2, 4) of 4 x 6
    changed = (generator.golden(dark) != generator.golden(bright))[0]
    assert changed.nonzero().flatten().tolist() == [2 * 6 + 4]
    ids = torch.zeros(1, 24, dtype=torch.long)
    ids[0, 16] = 15
    lit = generator.paint(ids, dark)[0, 0] > 0
    rows, columns = lit.nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (32, 47, 64, 79)


@pytest.mark.parametrize("upsample", ["bicubic", "bilinear", "nearest"])
def test_painted_images_are_colours(upsample: str) -> None:
    generator = build(upsample=upsample)
    painted = generator.paint(torch.randint(16, (2, 24)), torch.zeros(2, 3, 64, 96))
    colours = generator.color_space.to_unit(painted)
    assert painted.shape == (2, 3, 64, 96)
    assert colours.min() > -1e-6 and colours.max() < 1 + 1e-6


def test_first_loss_is_that_of_chance() -> None:
    torch.manual_seed(0)
    generator = build(tokenizer=dict(type=PaletteTokenizer, num_codes=8192), embed_dims=384, depth=4, num_heads=6)
    images = pictures(4)
    loss = generator(images, draw(generator, images, 12)).losses["loss_generator"].item()
    assert 9.0 < loss < 9.25  # ln 8192 = 9.011


# ---------------------------------------------------------------- small BEiT


@pytest.mark.parametrize(
    "dims, heads, depth, count",
    [
        (768, 12, 4, 29_096_448),
        (768, 12, 5, 36_184_320),
        (768, 12, 6, 43_272_192),
        (768, 12, 7, 50_360_064),
        (768, 12, 8, 57_447_936),
        (384, 6, 4, 7_470_336),
        (384, 6, 6, 11_019_264),
    ],
)
def test_parameters_of_the_small_beit(dims: int, heads: int, depth: int, count: int) -> None:
    with torch.device("meta"):
        palette = dict(type=PaletteTokenizer, num_codes=8192)
        generator = build(tokenizer=palette, embed_dims=dims, num_heads=heads, depth=depth, input_size=224)
        shared = build(tokenizer=palette, embed_dims=dims, num_heads=heads, depth=depth, input_size=224, share_layers=2)
    assert sum(p.numel() for p in generator.encoder.parameters()) == count
    assert sum(p.numel() for p in generator.head.parameters()) == (dims + 1) * 8192
    lent = sum(p.numel() for p in generator.encoder.parameters()) - sum(p.numel() for p in shared.encoder.parameters())
    if dims == 768:
        assert lent == 14_766_336


def test_shared_layers_are_the_lenders() -> None:
    lender = BEiTViT(
        dict(embed_dims=24, depth=4, num_heads=2), (64, 96), 16, rel_pos="none", pos_embed="learned", layer_scale=None,
        qkv_bias="qkv", mask_mode=None,
    )  # fmt: skip
    generator, whole = build(share_layers=2), build()
    whole.encoder.load_state_dict(
        {
            **{k: v for k, v in generator.encoder.state_dict().items() if not k.startswith("blocks.")},
            **{f"patch_embed.{k}": v for k, v in lender.patch_embed.state_dict().items()},
            **{f"blocks.{k}": v for k, v in lender.blocks[:2].state_dict().items()},
            **{f"blocks.2.{k}": v for k, v in generator.encoder.blocks[0].state_dict().items()},
        }
    )
    images = pictures()
    mask = draw(generator, images, 9)
    assert torch.equal(generator.encoder(images, mask, lender), whole.encoder(images, mask))
    with pytest.raises(ValueError, match="share_layers=2, but no encoder lends"):
        generator.encoder(images, mask)


def test_init_of_output_layers_follows_their_depth() -> None:
    """Truncated N(0, 0.02) at one deviation, output layers of block l smaller by sqrt(2 l)."""
    encoder = build(embed_dims=192, num_heads=3, depth=4, share_layers=2).encoder
    for index, block in zip((3, 4), encoder.blocks, strict=True):
        assert block.attn.proj.weight.std().item() == pytest.approx(0.0108 / math.sqrt(2 * index), rel=0.03)
    assert encoder.mask_token.abs().max() <= 0.02


# ---------------------------------------------------------------- frozen


def test_frozen_generator_of_a_run(tmp_path) -> None:
    trained = build()
    prefixed = {f"generator.{k}": v for k, v in trained.state_dict().items()}
    torch.save(dict(state_dict=prefixed), tmp_path / "cim.pth")
    beit = {f"backbone.{k}": v for k, v in trained.encoder.state_dict().items()}
    beit |= {f"neck.layers.0.{k}": v for k, v in trained.head.state_dict().items()}
    torch.save(dict(state_dict=beit), tmp_path / "beit.pth")
    images = pictures()
    mask = draw(trained, images, 9)
    for file in ("cim.pth", "beit.pth"):
        frozen = build(frozen=True, checkpoint=str(tmp_path / file))
        frozen.init_weights()
        frozen.train()
        assert not any(m.training for m in frozen.modules())
        made = frozen(images, mask)
        assert set(made.losses) == {"token_accuracy", "replaced_ratio"}
        assert torch.equal(frozen.logits(images, mask), trained.logits(images, mask))
        assert not any(p.requires_grad for p in frozen.parameters())
    torch.save(dict(state_dict=dict(other=torch.zeros(1))), tmp_path / "other.pth")
    with pytest.raises(RuntimeError, match="holds no generator"):
        build(frozen=True, checkpoint=str(tmp_path / "other.pth")).init_weights()


# ---------------------------------------------------------------- pixels


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
