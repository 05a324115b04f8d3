"""Losses of the first steps of every toy config in float64, compared with the stored ones in tests/golden.

python tools/golden_losses.py                                     compare all configs/*/*_toy.py
python tools/golden_losses.py configs/mae/vit-tiny_toy.py         compare one of them
python tools/golden_losses.py --update                            store what the code gives now

The loss and the terms that sum up to it are stored. Other values that a step logs (accuracies, cosines) train nothing,
and a count of largest logits jumps where two of them are nearly equal. The commit that changes stored losses explains
why.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "golden"
STEPS = 8
BATCH = 16
# Relative. SSE4.1 and AVX2 differ by up to 5e-13 (torch on x86-64). A learning rate with a relative error of 1e-6 is
# noticed.
TOLERANCE = 1e-10

Losses = dict[str, list[float]]


def toy_configs() -> list[Path]:
    """Return all toy configs of pre-training."""
    return sorted(ROOT.glob("configs/*/*_toy.py"))


def golden_file(config: Path) -> Path:
    """Return the file that stores the losses of a config."""
    return FOLDER / f"{config.parent.name}_{config.stem}.json"


@contextmanager
def float64() -> Iterator[None]:
    """Make float64 the default for weights, random numbers and everything else that sets no precision of its own."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def trunc_normal(tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Any:
    """Fill a tensor with a truncated normal distribution, by its inverse; releases of torch draw in different ways."""
    import torch

    low, high = (math.erf((bound - mean) / std / math.sqrt(2)) for bound in (a, b))
    with torch.no_grad():
        return tensor.uniform_(low, high).erfinv_().mul_(std * math.sqrt(2)).add_(mean).clamp_(a, b)


def exact_picture(index: int) -> Any:
    """Return a picture of 96 x 96 pixels that is drawn and enlarged in whole numbers.

    The sines in the built-in pictures may round to another colour on another machine.
    """
    import numpy as np
    from PIL import Image

    rng = np.random.Generator(np.random.PCG64(index))
    colours, grain = rng.integers(0, 256, (6, 6, 3), np.uint8), rng.integers(0, 32, (96, 96, 3), np.uint8)
    enlarged = Image.fromarray(colours).resize((96, 96), Image.Resampling.BICUBIC)
    return Image.fromarray(np.asarray(enlarged) // 8 * 7 + grain)


def exact_run(cfg: Any) -> Any:
    """Return the Runner of a config in float64, with weights and pictures that are the same on every machine."""
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    class ExactPictures(Hook):
        def before_train(self, runner: Any) -> None:
            runner.train_dataloader.dataset.load = exact_picture

    with patch("torch.nn.init.trunc_normal_", trunc_normal):
        runner = Runner.from_cfg(cfg)
    runner.model.double()  # also buffers that set their own precision
    runner.register_hook(ExactPictures(), priority="VERY_HIGH")
    return runner


def first_losses(config: Path, steps: int = STEPS, options: dict[str, Any] | None = None) -> Losses:
    """Return the values of the first steps by name.

    MMEngine's rule says which values are losses: those with ``loss`` in their name are summed up and trained.

    Args:
        options: Changes to the config, as ``--cfg-options`` makes them.
    """
    from mmmim.launch.options import load_config
    from mmmim.launch.prepare import prepare

    with tempfile.TemporaryDirectory() as folder, float64():
        cfg = load_config(str(config), options, folder)
        cfg.log_level = "ERROR"
        cfg.experiment_name = Path(folder).name  # MMEngine would find the visualizer of a run of the same second again
        cfg.train_cfg.stop_after = steps
        cfg.train_dataloader.update(batch_size=BATCH, num_workers=0, persistent_workers=False)
        cfg.default_hooks.checkpoint = dict(type="SafeCheckpointHook", save_last=False, signals=())
        cfg.custom_hooks = [dict(type="StepLossHook", out_file="losses.jsonl")]
        for key in ("val_dataloader", "val_cfg", "val_evaluator"):
            cfg.pop(key, None)
        exact_run(prepare(cfg).cfg).train()
        rows = [json.loads(line) for line in Path(folder, "losses.jsonl").read_text(encoding="utf-8").splitlines()]
    return {name: [row[name] for row in rows] for name in rows[0] if "loss" in name}


def differences(now: Losses, stored: Losses, tolerance: float = TOLERANCE) -> list[str]:
    """Return in words what is out of tolerance: the first such step of each loss."""
    found = [
        f"{name}: only {'stored' if name in stored else 'computed'}" for name in sorted(now.keys() ^ stored.keys())
    ]
    for name in sorted(now.keys() & stored.keys()):
        if len(now[name]) != len(stored[name]):
            found.append(f"{name}: {len(now[name])} steps computed, {len(stored[name])} stored")
        for step, (value, expected) in enumerate(zip(now[name], stored[name], strict=False)):
            if not abs(value - expected) <= tolerance * abs(expected):
                found.append(
                    f"{name}: {value:.12g} at step {step}, stored is {expected:.12g} (tolerance {tolerance:g})"
                )
                break
    return found


def store(config: Path, losses: Losses) -> None:
    """Write the losses of a config to its file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rounded = {name: [float(f"{value:.13g}") for value in values] for name, values in losses.items()}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(values)}" for name, values in rounded.items())
    golden_file(config).write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=Path, metavar="CONFIG")
    parser.add_argument("--update", action="store_true", help="store the losses instead of comparing")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Compare or store the losses, and return the number of configs that differ."""
    from mmmim.errors import UsageError

    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    failed = 0
    for config in [path.resolve() for path in args.configs] or toy_configs():
        if not config.is_relative_to(ROOT):
            raise UsageError(f"{config}: losses are stored only for the configs in {ROOT}")
        name, file = config.relative_to(ROOT), golden_file(config)
        losses = first_losses(config)
        if args.update:
            changed = differences(losses, json.loads(file.read_text(encoding="utf-8"))) if file.exists() else ["new"]
            store(config, losses)
            print(f"{name}: stored in {file.relative_to(ROOT)} ({'; '.join(changed) or 'within tolerance of before'})")
            continue
        if not file.exists():
            found = [f"no {file.relative_to(ROOT)}; make it with --update"]
        else:
            found = differences(losses, json.loads(file.read_text(encoding="utf-8")))
        failed += bool(found)
        print(f"{name}: {'; '.join(found) or f'{STEPS} steps agree'}", file=sys.stderr if found else sys.stdout)
    return failed


if __name__ == "__main__":
    from mmmim.commands.running import run_tool

    sys.exit(run_tool(main, parse_args()))
