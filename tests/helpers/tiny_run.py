"""A training run of a second: two linear layers with dropout on seeded random images, through MMEngine's Runner."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmmim.datasets import SampleKey, seeded_sample
from mmmim.registry import DATASETS, HOOKS, MODELS

RUNTIME = Path(__file__).parents[2] / "configs/_base_/default_runtime.py"
_numbers = itertools.count()


@DATASETS.register_module(force=True)
class TinyImages(Dataset):
    """Random images of 4 x 4 pixels that depend on the sample's key alone."""

    def __init__(self, length: int = 22) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey | int) -> dict[str, Tensor]:
        with seeded_sample(*SampleKey.of(key)):
            return dict(inputs=torch.rand(3, 4, 4), indices=SampleKey.of(key).index)


@MODELS.register_module(force=True)
class TinyMasked(BaseModel):
    """A model that reconstructs hidden values; the loss of iteration ``nan_at`` is NaN on one rank.

    The gradients of the iterations ``nan_gradients`` are NaN although the loss is finite.
    """

    def __init__(
        self,
        nan_at: int | None = None,
        nan_rank: int = 0,
        records: bool = True,
        width: int = 16,
        nan_gradients: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.records = records
        self.encoder = nn.Sequential(nn.Linear(48, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.2))
        self.decoder = nn.Linear(width, 48)
        self.nan_at = nan_at if get_rank() == nan_rank else None
        self.nan_gradients = nan_gradients
        self.steps: list[tuple[int, int]] = []
        self.seen: list[list[int]] = []
        self.losses: list[float] = []

    def set_step(self, seed: int, iteration: int) -> None:
        """Record the seed and iteration that ``StepSeedHook`` sets."""
        self.steps.append((seed, iteration))

    def forward(self, inputs: Tensor, indices: Tensor, mode: str = "loss") -> Any:
        if mode == "predict":
            return [None] * len(inputs)
        if self.records:
            self.seen.append(indices.tolist())
        values = inputs.flatten(1)  # (B,48)
        hidden = torch.rand_like(values) < 0.5
        error = (self.decoder(self.encoder(values * ~hidden)) - values).square()
        loss = (error * hidden).sum() / hidden.sum()
        if self.nan_at is not None and self.steps[-1][1] == self.nan_at:
            loss = loss * float("nan")
        if self.nan_gradients and self.steps[-1][1] in self.nan_gradients:
            loss.register_hook(lambda gradient: gradient * float("nan"))
        if self.records:
            self.losses.append(loss.item())
        return dict(loss_rec=loss, hidden_share=hidden.float().mean())


@HOOKS.register_module(force=True)
class SignalAt(Hook):
    """Sends this process a signal during an iteration, and with ``workers`` its data workers too, as schedulers do."""

    def __init__(self, name: str, iteration: int, rank: int = 0, workers: bool = True) -> None:
        self.number, self.iteration, self.rank, self.workers = signal.Signals[name], iteration, rank, workers

    def before_train(self, runner) -> None:
        self.others = set(multiprocessing.active_children())

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        if runner.iter == self.iteration and get_rank() == self.rank:
            for worker in set(multiprocessing.active_children()) - self.others if self.workers else ():
                os.kill(worker.pid, self.number)
            os.kill(os.getpid(), self.number)


class QuickConfig(Config):
    """A config without MMEngine's formatter, which would take most of the time of such a short run."""

    pretty_text = property(lambda self: repr(self.to_dict()))


STEP_LOSSES = dict(type="StepLossHook", out_file="losses.jsonl", interval=1)


def tiny_config(work_dir: Path, **changes: Any) -> Config:
    """Return the config of a tiny run, with ``changes`` merged in."""
    cfg = QuickConfig(Config.fromfile(RUNTIME).to_dict())
    cfg.merge_from_dict(
        dict(
            work_dir=str(work_dir),
            experiment_name=f"tiny{next(_numbers)}",
            log_level="WARNING",
            model=dict(type="TinyMasked"),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                dataset=dict(type="TinyImages"),
                sampler=dict(type="EpochSampler", shuffle=True),
                collate_fn=dict(type="default_collate"),
            ),
            optim_wrapper=dict(
                type="AutocastOptimWrapper",
                dtype="float32",
                optimizer=dict(type="AdamW", lr=1e-2, betas=(0.9, 0.95), weight_decay=0.05, fused=True),
            ),
            param_scheduler=[
                dict(type="LinearLR", start_factor=1e-3, begin=0, end=1, convert_to_iter_based=True),
                dict(type="CosineAnnealingLR", T_max=2, begin=1, end=3, convert_to_iter_based=True),
            ],
            train_cfg=dict(type="EpochTrainLoop", max_epochs=3),
            custom_hooks=[STEP_LOSSES],
            default_hooks=dict(checkpoint=dict(interval=-1, rolling_interval=-1, save_last=False)),
        )
    )
    cfg.merge_from_dict(changes)
    return cfg


def train(work_dir: Path, kind: type[Runner] = Runner, **changes: Any) -> Runner:
    """Train a tiny run and return its Runner."""
    runner = kind.from_cfg(tiny_config(work_dir, **changes))
    runner.train()
    return runner


def losses(work_dir: Path) -> list[dict[str, float]]:
    """Return the losses of each step from the file of ``StepLossHook``."""
    return [json.loads(line) for line in Path(work_dir, "losses.jsonl").read_text(encoding="utf-8").splitlines()]


def state(runner: Runner) -> dict[str, Tensor]:
    """Return the state dict of the runner's model."""
    return runner.model.state_dict()


def saving(interval: int, **options: Any) -> dict[str, Any]:
    """Return the settings of the checkpoint hook for a checkpoint every ``interval`` iterations."""
    options = dict(by_epoch=False, interval=interval, **options)
    return {f"default_hooks.checkpoint.{key}": value for key, value in options.items()}


def checkpoints_of(folder: Path) -> list[str]:
    """Return the names of the checkpoints in a folder."""
    return sorted(path.name for path in folder.glob("*.pth"))
