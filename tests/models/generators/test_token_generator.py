"""CIM's token generator: what is predicted, what is sampled, what is painted, also when frozen."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from palette import PaletteTokenizer
from small_generator import MEAN, STD, build, draw, pictures

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
