"""The work of ``tools/analysis/benchmark.py``."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, TRANSFORMS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmmim.config.folder import configs_folder
from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.plan.benchmark import Contender, compare
from mmmim.plan.peer import INSTALL, PAIRS, PEER, Pair


@DATASETS.register_module(force=True)
class ImagesInMemory(Dataset):
    """A dataset of ``length`` samples that cycles through ``distinct`` random pictures, processed by ``pipeline``."""

    def __init__(self, length: int, distinct: int, size: int, pipeline: Sequence[dict] | None = None) -> None:
        pictures = np.random.default_rng(0).integers(0, 256, (distinct, size, size, 3), dtype=np.uint8)
        self.length = length
        self.samples: list[dict] = [
            dict(inputs=torch.from_numpy(picture).permute(2, 0, 1).contiguous(), labels=-1, indices=index)
            for index, picture in enumerate(pictures)
        ]
        if pipeline is not None:
            steps = [TRANSFORMS.build(step) for step in pipeline]
            for index, picture in enumerate(pictures):
                sample = dict(img=picture)
                for step in steps:
                    sample = step(sample)
                self.samples[index] = sample

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: Any) -> dict:
        return self.samples[int(getattr(key, "index", key)) % len(self.samples)]


# ---------------------------------------------------------------- the two sides


def our_config(pair: Pair) -> Config:
    """Return the config of mmmim in fp32."""
    cfg = load_config(str(configs_folder() / pair.ours))
    cfg.optim_wrapper.dtype = "float32"
    return cfg


def peer_config(pair: Pair) -> Config:
    """Return mmpretrain's config, changed only in precision (fp32) and by ``peer_backbone``.

    Raises:
        UsageError: mmpretrain is missing or of another version; the message says how to install it.
    """
    from mmmim import compat

    try:
        found = version("onedl-mmpretrain")
    except PackageNotFoundError:
        found = None
    if found != PEER:
        state = "not installed" if found is None else f"installed in version {found}"
        raise UsageError(f"onedl-mmpretrain {PEER}, the peer of this comparison, is {state}; install it:\n{INSTALL}")
    compat.setup()
    try:
        import mmpretrain
        import mmpretrain.datasets
        import mmpretrain.models
    except ImportError as error:
        raise UsageError(f"onedl-mmpretrain misses a package: {error}; install it:\n{INSTALL}") from error
    cfg = Config.fromfile(Path(mmpretrain.__file__).parent / ".mim/configs" / pair.peer)
    cfg.model.backbone.update(pair.peer_backbone)
    cfg.optim_wrapper.update(type="OptimWrapper")
    cfg.optim_wrapper.pop("loss_scale", None)
    masks = [step for step in cfg.train_dataloader.dataset.pipeline if step["type"].endswith("MaskGenerator")]
    cfg.pipeline = [*masks, dict(type="PackInputs")]
    return cfg


def prepare(cfg: Config, pair: Pair, args: argparse.Namespace, work_dir: str) -> Config:
    """Shorten the config to one epoch of the timed steps that writes nothing; hooks of single steps stay."""
    loader = cfg.train_dataloader
    loader.dataset = dict(  # assigned: `update` would merge it into the dataset of the config
        type="mmengine.ImagesInMemory",
        length=args.batch * (args.warmup + args.steps),
        distinct=2 * args.batch,
        size=pair.size,
        pipeline=cfg.pop("pipeline", None),
    )
    loader.update(batch_size=args.batch, num_workers=0, persistent_workers=False, pin_memory=False)
    cfg.train_cfg.max_epochs = 1
    cfg.default_hooks.checkpoint = None
    cfg.update(work_dir=work_dir, log_level="ERROR", load_from=None, resume=False)
    return cfg


# ---------------------------------------------------------------- comparing


def report(contenders: Sequence[Contender]) -> dict[str, Any]:
    """Print a Markdown table of both sides and of the ratio of ours to the peer's, and return its numbers."""
    rows: dict[str, dict[str, float]] = {}
    for contender in contenders:
        assert contender.cost is not None
        rows[contender.name] = dict(
            median_s=statistics.median(contender.seconds),
            min_s=min(contender.seconds),
            cpu_s=statistics.median(contender.cpu_seconds),
            **asdict(contender.cost),
        )
    ours, peer = rows.values()
    rows["ratio"] = {key: ours[key] / peer[key] for key in ours}
    columns = ("median s/step", "min s/step", "median CPU s/step", "GFLOP/image", "saved MB/image", "parameters (M)")
    print(f"| | {' | '.join(columns)} |\n{'|---' * (len(columns) + 1)}|")
    for name, row in rows.items():
        units = (1,) * 6 if name == "ratio" else (1, 1, 1, 1e9, 1e6, 1e6)
        print(f"| {name} | " + " | ".join(f"{v / u:.3f}" for v, u in zip(row.values(), units, strict=True)) + " |")
    steps = {each.name: dict(seconds=each.seconds, cpu_seconds=each.cpu_seconds) for each in contenders}
    return {**rows, "steps": steps}


def measure(args: argparse.Namespace) -> None:
    """Train both sides in turns, print the comparison and write it to ``--out``."""
    pair = PAIRS[args.pair]
    with tempfile.TemporaryDirectory() as folder:
        configs = dict(mmpretrain=peer_config(pair), mmmim=our_config(pair))
        ours, peer = (
            Contender(
                name,
                partial(Runner.from_cfg, prepare(configs[name], pair, args, os.path.join(folder, name))),
                args.warmup,
                args.block,
                args.threads,
            )
            for name in ("mmmim", "mmpretrain")
        )
        compare((ours, peer), args.steps // args.block)
        result = dict(
            report((ours, peer)),
            setting={key: value for key, value in vars(args).items() if key != "out"},
            torch=torch.__version__,
        )
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {args.out}")
