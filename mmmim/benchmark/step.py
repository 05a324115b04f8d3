"""Measure training steps in complete Runners that take turns: time, FLOPs, memory, and the costliest kernels."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, TRANSFORMS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmmim.datasets import ToyImages
from mmmim.launch.options import load_config
from mmmim.launch.prepare import Settings, prepare

from .peer import peer_config
from .turns import Contender, compare

AMP = {"fp32": "off", "bf16": "bf16", "fp16": "fp16"}
# Dense FLOP/s of the data sheets in bf16, in units of 1e12, by a part of the device's name.
PEAK_TFLOPS = {"H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "A100": 312.0, "L40": 181.0, "A10": 125.0}


_NUMBERS = count()


@dataclass(frozen=True)
class StepSettings:
    """How steps are measured: images a step, steps in all, before these, and in a turn, and torch's threads."""

    batch: int
    steps: int
    warmup: int
    block: int
    threads: int


@DATASETS.register_module(force=True)
class SamplesInMemory(Dataset):
    """A dataset of ``length`` samples that cycles through ``distinct`` ones, made before the first step.

    Args:
        transforms: Our transforms, of pictures of 256 pixels.
        pipeline: Another toolbox's, of the crops that ours make.
    """

    def __init__(
        self, length: int, distinct: int, transforms: Sequence[dict], pipeline: Sequence[dict] | None = None
    ) -> None:
        pictures = ToyImages(distinct, 256, transforms=transforms)
        self.length = length
        self.samples: list[Any] = [pictures[index] for index in range(distinct)]
        if pipeline is not None:
            self.samples = [dict(img=sample["inputs"].permute(1, 2, 0).numpy()) for sample in self.samples]
            for step in map(TRANSFORMS.build, pipeline):
                self.samples = [step(sample) for sample in self.samples]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: Any) -> Any:
        return self.samples[int(getattr(key, "index", key)) % len(self.samples)]


def our_config(config: str, variant: str) -> Config:
    """Return one of our configs as it is trained in a ``variant``: a precision, and ``-compile`` behind it."""
    precision, _, compiled = variant.partition("-")
    settings = Settings(amp=AMP[precision], compile=bool(compiled), planned=True)
    return prepare(load_config(config), settings).cfg


def without_data(cfg: Config, ours: Config, settings: StepSettings, work_dir: str) -> Config:
    """Shorten a config to the measured steps, on samples from memory, and let it write nothing."""
    total = settings.batch * (settings.warmup + settings.steps)
    transforms = ours.train_dataloader.dataset.transforms
    pipeline = cfg.train_dataloader.dataset.get("pipeline")
    if pipeline is not None:
        masks = [step for step in pipeline if step["type"].endswith("MaskGenerator")]
        pipeline = [*masks, dict(type="PackInputs")]
    loader = cfg.train_dataloader
    loader.dataset = dict(  # assigned: `update` would merge it into the dataset of the config
        type="mmengine.SamplesInMemory",
        length=total,
        distinct=2 * settings.batch,
        transforms=transforms,
        pipeline=pipeline,
    )
    loader.update(batch_size=settings.batch, num_workers=0, persistent_workers=False, pin_memory=False)
    cfg.train_cfg.max_epochs = 1
    return training_only(cfg, work_dir)


def training_only(cfg: Config, work_dir: str) -> Config:
    """Let a config's run do nothing but train: no checkpoints, no evaluation, no lines on the console."""
    cfg.experiment_name = f"benchmark_{next(_NUMBERS)}"  # runners of one name share loggers that write to one folder
    cfg.default_hooks.checkpoint = None
    cfg.custom_hooks = [hook for hook in cfg.get("custom_hooks") or () if "dataset" not in str(hook)]
    cfg.update(work_dir=work_dir, log_level="ERROR", load_from=None, resume=False, val_dataloader=None, val_cfg=None,
               val_evaluator=None)  # fmt: skip
    return cfg


def measure(config: str, variants: Sequence[str], peer: bool, settings: StepSettings) -> dict[str, dict[str, Any]]:
    """Return the figures of each variant of our config, and of mmpretrain's, by name."""
    ours = our_config(config, variants[0])
    with tempfile.TemporaryDirectory() as folder:
        configs = {f"mmmim, {variant}": our_config(config, variant) for variant in variants}
        if peer:
            configs["mmpretrain, fp32"] = peer_config(config)
        contenders = [
            Contender(
                name,
                _builder(without_data(cfg, ours, settings, str(Path(folder, str(number))))),
                settings.warmup,
                settings.block,
                settings.threads,
            )
            for number, (name, cfg) in enumerate(configs.items())
        ]
        compare(contenders, settings.steps // settings.block)
    return {each.name: figures(each, settings.batch) for each in contenders}


def _builder(cfg: Config) -> Callable[[], Runner]:
    return lambda: Runner.from_cfg(cfg)


def figures(contender: Contender, batch: int) -> dict[str, Any]:
    """Return the figures of a contender that has trained with ``batch`` images a step."""
    assert contender.cost is not None
    median = statistics.median(contender.seconds)
    found = dict(
        images_per_s=batch / median,
        median_s=median,
        min_s=min(contender.seconds),
        cpu_s=statistics.median(contender.cpu_seconds),
        **asdict(contender.cost),
        seconds=contender.seconds,
        cpu_seconds=contender.cpu_seconds,
    )
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        found["peak_bytes"] = torch.cuda.max_memory_allocated()
        peak = next((value for part, value in PEAK_TFLOPS.items() if part in name), None)
        if peak is not None:
            found["mfu"] = contender.cost.flops * batch / median / (1e12 * peak)
    return found
