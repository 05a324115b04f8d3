"""The built-in tokenizer and its training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

from mmmim.datasets import Collages, ToyImages
from mmmim.errors import RunFailed
from mmmim.launch.options import load_config
from mmmim.models.algorithms.dvae import DVAE, logit_laplace_nll
from mmmim.models.tokenizers import TinyDVAE
from mmmim.models.tokenizers.tiny_dvae import to_likelihood_range, to_unit_range

ROOT = Path(__file__).resolve().parents[3]


def pictures(count: int = 64, side: int = 64) -> Tensor:
    """In [0, 1], none of them seen in training."""
    drawn = Collages(count, side, split="test")
    return torch.stack([torch.from_numpy(np.array(drawn.load(i))) for i in range(count)]).permute(0, 3, 1, 2) / 255


def random_tokenizer(**kwargs: Any) -> TinyDVAE:
    return TinyDVAE(**{**dict(checkpoint=None, allow_random=True), **kwargs})


def psnr(images: Tensor, reconstructed: Tensor) -> float:
    return -10 * float((images - reconstructed).square().mean().log10())


def perplexity(ids: Tensor) -> float:
    share = torch.bincount(ids.flatten()) / ids.numel()
    return float(torch.special.entr(share).sum().exp())


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


def test_likelihood_is_a_density_on_the_unit_interval() -> None:
    values = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for location, log_scale in ((0.3, -0.5), (-1.0, -1.5)):
        likelihood = torch.tensor([location, log_scale], dtype=torch.float64).view(1, 2, 1, 1)
        density = torch.stack([-logit_laplace_nll(likelihood, value.view(1, 1, 1, 1)) for value in values]).exp()
        assert abs(density.mean().item() - 1) < 1e-3


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


def test_temperature_and_divergence_follow_the_training() -> None:
    model = DVAE(dict(type="mmmim.TinyDVAE", num_codes=16))
    expected = {0.0: (1.0, 0.0), 0.2: (0.1**0.25, 0.4 / 3), 0.4: (0.1**0.5, 0.2), 0.8: (0.1, 0.2), 1.0: (0.1, 0.2)}
    for progress, values in expected.items():
        model.set_progress(progress)
        assert model.schedules() == pytest.approx(values)


def test_loss_reaches_both_halves_and_reports_the_codes() -> None:
    model = DVAE(dict(type="mmmim.TinyDVAE", num_codes=32))
    images = pictures(8)
    model.start_from(images, seed=0)
    model.set_progress(0.3)
    losses = model(images, mode="loss")
    sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.tokenizer.parameters())
    ids = model(images)
    assert losses["perplexity"].item() == pytest.approx(perplexity(ids), rel=1e-5)
    assert losses["codes"] == len(ids.unique())
    assert losses["psnr"].item() == pytest.approx(psnr(images, model.tokenizer.decode(ids)), abs=1e-3)
    log_q = model.tokenizer.encode_logits(images).log_softmax(1)
    divergence = (log_q.exp() * (log_q + math.log(32))).sum(1).mean()
    assert losses["loss_kl"].item() == pytest.approx(0.2 / 192 * divergence.item(), rel=1e-5)


def short_run(folder: Path, **changes: Any) -> Config:
    cfg = load_config(str(ROOT / "configs/tokenizer/dvae_toy.py"), {}, str(folder))
    cfg.merge_from_dict(
        {
            "model.tokenizer.num_codes": 32,
            "train_dataloader.dataset.num_images": 128,
            "train_dataloader.num_workers": 0,
            "train_dataloader.persistent_workers": False,
            "train_cfg.max_epochs": 2,
            "default_hooks.tokenizer.num_patches": 2048,
            "default_hooks.tokenizer.min_perplexity": 4,
            "default_hooks.checkpoint.interval": 1,
            "param_scheduler": [],
            "log_level": "ERROR",
            **changes,
        }
    )
    return cfg


def test_a_resumed_run_ends_as_the_uninterrupted_one(tmp_path: Path) -> None:
    Runner.from_cfg(short_run(tmp_path / "whole")).train()
    cfg = short_run(tmp_path / "resumed", load_from=str(tmp_path / "whole/epoch_1.pth"), resume=True)
    Runner.from_cfg(cfg).train()
    states = [torch.load(tmp_path / n / "epoch_2.pth", weights_only=True)["state_dict"] for n in ("whole", "resumed")]
    assert states[0].keys() == states[1].keys()
    assert all(states[0][name].equal(states[1][name]) for name in states[0])

    own = TinyDVAE(num_codes=32, checkpoint=str(tmp_path / "whole/epoch_2.pth"))
    images = pictures(8)
    assert psnr(images, own.decode(own.encode(images))) > 14
    assert own.codebook.weight.equal(states[0]["tokenizer.codebook.weight"])


def test_a_collapsed_tokenizer_is_not_saved(tmp_path: Path) -> None:
    cfg = short_run(tmp_path, **{"default_hooks.tokenizer.min_perplexity": 33})
    with pytest.raises(
        RunFailed, match=r"the tokenizer has collapsed: its 32 codes have perplexity .*min_perplexity=33"
    ):
        Runner.from_cfg(cfg).train()
    assert not list(tmp_path.glob("*.pth"))


def test_drawn_pictures_depend_on_seed_split_and_index_alone() -> None:
    first, again = Collages(8, 48), Collages(8, 48)
    assert all(np.array_equal(first.load(i), again.load(i)) for i in range(8))
    others = [Collages(8, 48, seed=1), Collages(8, 48, split="val")]
    assert not any(np.array_equal(first.load(0), other.load(0)) for other in others)
    with pytest.raises(ValueError, match="toy_share=2"):
        Collages(toy_share=2)


def test_a_picture_shows_what_the_codes_keep() -> None:
    model = DVAE(dict(type="mmmim.TinyDVAE", checkpoint=TinyDVAE().checkpoint))
    images = pictures(2)
    shown = model.predict(images)
    assert shown["output"].equal(TinyDVAE().decode(TinyDVAE().encode(images))) and not shown["mask"].any()
    assert model.started  # nothing is left for k-means to start
