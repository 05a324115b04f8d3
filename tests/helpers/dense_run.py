"""Run the toy downstream configs on a handful of pictures, as tools/train.py and tools/test.py do."""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmmim.commands.work.test import test
from mmmim.launch import options as run_options

ROOT = Path(__file__).parents[2]
DOWNSTREAM = ROOT / "configs" / "ccmim" / "downstream"


def short_dense(iterations: int, epochs: int) -> dict[str, dict[str, Any]]:
    """Return the options by task that give a toy recipe this length."""
    segmentation = {
        "train_cfg.max_iters": iterations,
        "train_cfg.val_interval": iterations,
        "param_scheduler.0.end": max(2, iterations // 4),
        "param_scheduler.1.begin": max(2, iterations // 4),
        "train_dataloader.batch_size": 2,
        "default_hooks.checkpoint.interval": iterations,
    }
    detection = {
        "train_cfg.max_epochs": epochs,
        "train_cfg.val_interval": epochs,
        "param_scheduler.0.end": epochs,
        "default_hooks.checkpoint.interval": epochs,
    }
    return {"upernet": segmentation, "fcn": segmentation, "linear-seg": segmentation, "mask-rcnn": detection}


def short_classification(epochs: int, batch_size: int, images: int) -> dict[str, Any]:
    """Return the options that give a toy recipe of classification this length and size."""
    return {
        "train_cfg.max_epochs": epochs,
        "train_cfg.val_interval": epochs,
        "train_dataloader.batch_size": batch_size,
        "train_dataloader.dataset.num_images": images,
        "val_dataloader.dataset.num_images": 16,
        "default_hooks.checkpoint.interval": epochs,
    }


def pre_train(config: Path, folder: Path, backbone: dict[str, Any] | None = None) -> Path:
    """Return the checkpoint of two real steps of a toy recipe, with its own encoder or another ``backbone``."""
    options = {"train_cfg.max_epochs": 1, "train_dataloader.dataset.num_images": 8, "train_dataloader.batch_size": 4}
    cfg = run_options.load_config(str(config), options, str(folder))
    if backbone is not None:
        cfg.model.backbone = backbone
    Runner.from_cfg(cfg).train()
    return Path(cfg.work_dir, "epoch_1.pth")


class Spy(Hook):
    """Records the weights before the first step, parameters without gradient at that step, and losses."""

    priority = "LOWEST"

    def __init__(self) -> None:
        self.start: dict[str, torch.Tensor] = {}
        self.without_gradient: list[str] = []
        self.losses: list[float] = []

    def before_train(self, runner: Runner) -> None:
        self.start = {name: value.clone() for name, value in runner.model.backbone.state_dict().items()}
        self.names = {id(parameter): name for name, parameter in runner.model.named_parameters()}
        runner.optim_wrapper.optimizer.register_step_pre_hook(self._look_at_gradients)

    def _look_at_gradients(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if not self.losses:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self.without_gradient = [self.names[id(p)] for p in parameters if p.grad is None]

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.losses.append(float(outputs["loss"].detach()))


class Run:
    """A finished run: the Runner, the spy's record and the config."""

    def __init__(self, runner: Runner, spy: Spy, cfg: Config) -> None:
        self.runner, self.spy, self.cfg = runner, spy, cfg
        self.work_dir = Path(runner.work_dir)
        self.scalars = next(self.work_dir.glob("*/vis_data/scalars.json"))

    @property
    def report(self) -> dict[str, Any]:
        """Return what was loaded from the checkpoint."""
        return json.loads((self.work_dir / "pretrained_report.json").read_text(encoding="utf-8"))

    @property
    def unchanged(self) -> list[str]:
        """Return the names of the backbone's tensors that training did not change."""
        now = self.runner.model.backbone.state_dict()
        return [name for name, value in self.spy.start.items() if torch.equal(value, now[name])]

    @property
    def log(self) -> str:
        """Return the text of the log file."""
        return next(self.work_dir.glob("*/*.log")).read_text(encoding="utf-8")


def train_classifier(config: str, checkpoint: Path, options: dict[str, Any], folder: Path) -> Run:
    """Train a classification config from a checkpoint and return the finished run."""
    cfg = run_options.load_config(config, options, str(folder))
    run_options.use_checkpoint(cfg, str(checkpoint))
    runner, spy = Runner.from_cfg(cfg), Spy()
    runner.register_hook(spy)
    runner.train()
    return Run(runner, spy, cfg)


def train_dense(
    config: str, checkpoint: Path | None, options: dict[str, Any], folder: Path, data: Path, resume: str | None = None
) -> Run:
    """Train a dense config from a checkpoint, or from random weights, and return the finished run."""
    cfg = run_options.load_config(str(DOWNSTREAM / config), options, str(folder))
    use_small_data(cfg, data / cfg.default_scope)
    run_options.use_resume(cfg, resume)
    run_options.use_checkpoint(cfg, "none" if checkpoint is None else str(checkpoint))
    runner, spy = Runner.from_cfg(cfg), Spy()
    runner.register_hook(spy)
    runner.train()
    return Run(runner, spy, cfg)


def use_small_data(cfg: Config, root: Path) -> None:
    """Let all dataloaders of a dense config read a small toy set below ``root``."""
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.prepare.update(root=str(root), num_train=16, num_val=4)
        loader.dataset.dataset.data_root = f"{root}/"
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        if "ann_file" in evaluator:
            evaluator.update(
                ann_file=f"{root}/annotations/instances_val.json", outfile_prefix=f"{cfg.work_dir}/results"
            )


def run_test_tool(trained: Run, checkpoint: Path, out: Path, variants: list | None = None) -> None:
    """Run tools/test.py on the config of a finished run, with --tta if ``variants`` are given."""
    config, cfg = out.with_suffix(".py"), copy.deepcopy(trained.cfg)
    if variants is not None:
        cfg.tta_pipeline[1].transforms[: len(variants)] = variants
    cfg.dump(config)
    arguments = dict(config=str(config), checkpoint=str(checkpoint), out=str(out), work_dir=str(out.parent))
    test(argparse.Namespace(**arguments, tta=variants is not None, data=None, cfg_options={}, launcher="none"))
