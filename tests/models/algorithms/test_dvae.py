from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from collage_pictures import perplexity, pictures, psnr
from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.errors import RunFailed
from mmmim.launch.options import load_config
from mmmim.models.algorithms.dvae import DVAE, logit_laplace_nll
from mmmim.models.tokenizers import TinyDVAE

ROOT = Path(__file__).resolve().parents[3]


def test_likelihood_is_a_density_on_the_unit_interval() -> None:
    values = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for location, log_scale in ((0.3, -0.5), (-1.0, -1.5)):
        likelihood = torch.tensor([location, log_scale], dtype=torch.float64).view(1, 2, 1, 1)
        density = torch.stack([-logit_laplace_nll(likelihood, value.view(1, 1, 1, 1)) for value in values]).exp()
        assert abs(density.mean().item() - 1) < 1e-3


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


def test_a_picture_shows_what_the_codes_keep() -> None:
    model = DVAE(dict(type="mmmim.TinyDVAE", checkpoint=TinyDVAE().checkpoint))
    images = pictures(2)
    shown = model.predict(images)
    assert shown["output"].equal(TinyDVAE().decode(TinyDVAE().encode(images))) and not shown["mask"].any()
    assert model.started  # nothing is left for k-means to start
