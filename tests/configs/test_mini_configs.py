"""The recipes for photographs of 32 pixels take real steps on a folder, and their evaluations read what they write."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

from mmmim.datasets import use_folder
from mmmim.launch.lr_scaling import scale_lr
from mmmim.launch.options import load_config, use_checkpoint
from mmmim.launch.precision import fit_to_device
from mmmim.registry import MODELS
from mmmim.reproduce.chain import differences
from mmmim.reproduce.tables import config_path, find_table, load_tables

CONFIGS = Path(__file__).parents[2] / "configs"
PRETRAINING = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.glob("*/*-mini_*cifar10.py"))
EVALUATIONS = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.glob("*/downstream/*-mini_cifar10.py"))
BUILT_IN = Config.fromfile(CONFIGS / "beit/vit-tiny_toy.py").model.target_generator.tokenizer
IMAGES = 8


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two classes with four pictures each."""
    root, noise = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for part in ("train", "val"):
        for number in range(IMAGES):
            file = root / part / ("ant", "bee")[number % 2] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(256, size=(32, 32, 3), dtype=np.uint8)).save(file)
    return root


def losses_of_two_steps(name: str, data: Path, work_dir: Path) -> list[float]:
    """Train two steps of four pictures, with the built-in tokenizer where the recipe has one of its own."""
    cfg = load_config(str(CONFIGS / name), {}, own_images=True)
    cfg.train_dataloader.update(batch_size=IMAGES // 2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.pop("keep", None)
    cfg = use_folder(cfg, str(data))
    for part in ("target_generator", "generator"):
        if "tokenizer" in (cfg.model.get(part) or {}):
            cfg.model[part].tokenizer = BUILT_IN
    use_checkpoint(cfg, "none")
    scale_lr(cfg, 1)
    fit_to_device(cfg)
    hooks = [dict(type="StepLossHook"), *cfg.custom_hooks]
    cfg.merge_from_dict(dict(work_dir=str(work_dir), experiment_name=str(work_dir), log_level="WARNING"))
    cfg.train_cfg.max_epochs = 1
    cfg.merge_from_dict(dict(custom_hooks=hooks, val_dataloader=None, val_cfg=None, val_evaluator=None))
    if "tokenizer" in cfg.default_hooks:
        cfg.default_hooks.tokenizer.update(num_patches=2048, min_perplexity=1.0)
    Runner.from_cfg(cfg).train()
    lines = Path(work_dir, "step_losses.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.parametrize("name", PRETRAINING)
def test_pre_training_takes_two_steps(name: str, photographs: Path, tmp_path: Path) -> None:
    losses = losses_of_two_steps(name, photographs, tmp_path)
    assert len(losses) == 2 and all(map(math.isfinite, losses))


@pytest.mark.parametrize("name", [name for name in EVALUATIONS if name.startswith(("mae", "simmim", "cim"))])
def test_evaluations_of_each_encoder_take_two_steps(name: str, photographs: Path, tmp_path: Path) -> None:
    losses = losses_of_two_steps(name, photographs, tmp_path)
    assert len(losses) == 2 and losses[0] == pytest.approx(math.log(2), abs=0.5)


def test_every_evaluation_reads_the_checkpoint_of_its_row() -> None:
    seen = set()
    for row in find_table("methods", load_tables("cifar10")).rows:
        for evaluation in row.evaluations().values():
            if evaluation is None or evaluation.config in ("knn", "probe"):
                continue
            assert row.config is not None
            before, after = (
                str(config_path("cifar10", each, row.name).relative_to(CONFIGS.parent))
                for each in (row.config, evaluation.config)
            )
            seen.add(Path(after))
            assert not differences(before, (), after), (before, after)
    assert seen == {Path("configs") / name for name in EVALUATIONS}


@pytest.mark.parametrize("name", [name for name in PRETRAINING if "/vit-" in name])
def test_what_an_untrained_vit_gives_depends_on_the_photograph_more_than_on_the_place(name: str) -> None:
    with DefaultScope.overwrite_default_scope("mmmim"):
        encoder = MODELS.build(Config.fromfile(CONFIGS / name).model.backbone).eval()
    photographs = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens = encoder(photographs)[-1][:, encoder.num_prefix :]  # (B,N,D)
    assert tokens.var(0).mean() > 0.6 * tokens.var((0, 1)).mean()


def test_an_untrained_conmim_does_not_find_keys_by_their_place() -> None:
    with DefaultScope.overwrite_default_scope("mmmim"):
        model = MODELS.build(Config.fromfile(CONFIGS / "conmim/vit-mini_cifar10.py").model)
    photographs = torch.randn(32, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert model.loss(photographs)["retrieval_top1"] < 0.1  # 0.22 with fixed positions, 0.02 by chance
