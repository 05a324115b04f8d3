"""First 20 steps of every toy config, compared with the stored losses in tests/golden.

python tools/golden_losses.py                                     compare all configs/*/*_toy.py
python tools/golden_losses.py configs/mae/vit-tiny_toy.py         compare one
python tools/golden_losses.py --update                            store what the code gives now

Runs in fp32 on one CPU thread without data workers. A change of the stored losses is explained in its commit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "golden"
STEPS = 20
# Relative. One or two threads and instruction sets from SSE4.1 to AVX-512 differ by up to 3e-7 (torch 2.15, x86-64).
TOLERANCE = 1e-5

Losses = dict[str, list[float]]


def toy_configs() -> list[Path]:
    return sorted(ROOT.glob("configs/*/*_toy.py"))


def golden_file(config: Path) -> Path:
    return FOLDER / f"{config.parent.name}_{config.stem}.json"


@contextmanager
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def first_losses(config: Path, steps: int = STEPS) -> Losses:
    """Name -> values of the first steps, as ``StepLossHook`` writes them."""
    from mmengine.runner import Runner

    from mmmim.engine.lr_scaling import scale_lr
    from mmmim.engine.run_options import load_config

    with tempfile.TemporaryDirectory() as folder, one_thread():
        cfg = load_config(str(config), {}, folder)
        cfg.log_level = "ERROR"
        cfg.train_cfg.stop_after = steps
        cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
        cfg.default_hooks.checkpoint = dict(type="SafeCheckpointHook", save_last=False, signals=())
        cfg.custom_hooks = [dict(type="StepLossHook", out_file="losses.jsonl")]
        for key in ("val_dataloader", "val_cfg", "val_evaluator"):
            cfg.pop(key, None)
        scale_lr(cfg, 1)
        Runner.from_cfg(cfg).train()
        rows = [json.loads(line) for line in Path(folder, "losses.jsonl").read_text().splitlines()]
    return {name: [row[name] for row in rows] for name in rows[0] if name != "iter"}


def differences(now: Losses, stored: Losses, tolerance: float = TOLERANCE) -> list[str]:
    """What is out of tolerance, in words; the first bad step of each loss."""
    found = [
        f"{name}: only {'stored' if name in stored else 'computed'}" for name in sorted(now.keys() ^ stored.keys())
    ]
    for name in sorted(now.keys() & stored.keys()):
        if len(now[name]) != len(stored[name]):
            found.append(f"{name}: {len(now[name])} steps computed, {len(stored[name])} stored")
        for step, (value, expected) in enumerate(zip(now[name], stored[name], strict=False)):
            if not abs(value - expected) <= tolerance * abs(expected):
                found.append(f"{name}: {value:.8g} at step {step}, stored is {expected:.8g} (tolerance {tolerance:g})")
                break
    return found


def store(config: Path, losses: Losses) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    rounded = {name: [float(f"{value:.8g}") for value in values] for name, values in losses.items()}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(values)}" for name, values in rounded.items())
    golden_file(config).write_text(f"{{\n{lines}\n}}\n")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=Path, metavar="CONFIG")
    parser.add_argument("--update", action="store_true", help="store the losses instead of comparing")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Number of configs that differ."""
    from mmmim.engine.errors import UsageError

    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    failed = 0
    for config in [path.resolve() for path in args.configs] or toy_configs():
        if not config.is_relative_to(ROOT):
            raise UsageError(f"{config}: losses are stored for the configs in {ROOT} alone")
        name, file = config.relative_to(ROOT), golden_file(config)
        losses = first_losses(config)
        if args.update:
            changed = differences(losses, json.loads(file.read_text())) if file.exists() else ["new"]
            store(config, losses)
            print(f"{name}: stored in {file.relative_to(ROOT)} ({'; '.join(changed) or 'within tolerance of before'})")
            continue
        if not file.exists():
            found = [f"no {file.relative_to(ROOT)}; make it with --update"]
        else:
            found = differences(losses, json.loads(file.read_text()))
        failed += bool(found)
        print(f"{name}: {'; '.join(found) or f'{STEPS} steps agree'}", file=sys.stderr if found else sys.stdout)
    return failed


if __name__ == "__main__":
    from mmmim.engine.command import run_tool

    sys.exit(run_tool(main, parse_args()))
