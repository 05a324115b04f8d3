"""Compute a step of a run again on the CPU: its images, masks and losses, and the first module that breaks.

A run that stops because a number is not finite says which step it was (nonfinite.json) and leaves its weights
(nonfinite.pt). For another step, name it with --iteration.

python tools/replay.py work_dirs/ccmim/vit-b_800e
python tools/replay.py RUN --iteration 1200 --rank 3 --world-size 8 --checkpoint RUN/rolling.pth
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mmmim.commands.command_line import MODEL, RUN, CommandParser
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.errors import MissingFileError, UsageError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", help="work directory of the run, with its config")
    parser.group(MODEL).add_argument(
        "--checkpoint", metavar="CKPT", help="weights (default: nonfinite.pt, or the newest checkpoint)"
    )
    step = parser.group(RUN)
    step.add_argument("--iteration", type=int, metavar="N", help="step (default: that of nonfinite.json)")
    step.add_argument(
        "--rank", type=int, metavar="N", help="process whose batch is computed (default: that of nonfinite.json, or 0)"
    )
    step.add_argument("--world-size", type=int, metavar="N", help="processes of the run (default: as it had)")
    step.add_argument("--seed", type=int, metavar="N", help="seed of the run (default: as it had)")
    parser.add_old_name("--processes", "--world-size")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Print what the step computes."""
    folder = Path(args.run)
    if not folder.is_dir():
        raise MissingFileError(f"RUN: there is no folder {args.run}; give the work directory of a run")
    with libraries_loading():
        from mmmim.engine.hooks.nonfinite import RECORD_FILE
        from mmmim.launch.options import load_config
        from mmmim.launch.replay import Step, replay
        from mmmim.visualization.sources import run_config
    file = folder / RECORD_FILE
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = (record.get("steps") or [{}])[0]
    cfg = load_config(str(run_config(folder)), work_dir=args.run)
    iteration = known.get("iteration") if args.iteration is None else args.iteration
    if iteration is None:
        raise UsageError(f"--iteration: {file} names no step; give the iteration that the run's message or log names")
    seed = record.get("seed", cfg.get("randomness", {}).get("seed")) if args.seed is None else args.seed
    if seed is None:
        raise UsageError("--seed: neither the run's record nor its config names the seed; its log does")
    step = Step(
        iteration,
        known.get("rank", 0) if args.rank is None else args.rank,
        record.get("processes", 1) if args.world_size is None else args.world_size,
        seed,
    )
    weights = _weights(folder, args.checkpoint)
    print(f"iteration {step.iteration} of process {step.rank} of {step.processes}, seed {step.seed}, weights {weights}")
    found = replay(cfg, step, weights)
    for number, (name, values) in enumerate(zip(found.files, found.images, strict=True)):
        hidden = "" if found.hidden is None else f", {int(found.hidden[number].sum())} patches hidden"
        print(f"  {name}: {values}{hidden}")
    print("losses: " + ", ".join(f"{name} {value:.6g}" for name, value in found.losses.items()))
    print(f"weights that are not finite: {', '.join(found.weights) or 'none'}")
    print(f"first module whose output is not finite: {found.module or 'none'}")
    print(f"gradients that are not finite: {', '.join(found.gradients) or 'none'}")


def _weights(folder: Path, checkpoint: str | None) -> Path:
    from mmmim.engine.hooks.nonfinite import WEIGHTS_FILE
    from mmmim.visualization.sources import checkpoint_file

    if checkpoint is not None:
        return checkpoint_file(checkpoint)
    left = folder / WEIGHTS_FILE
    return left if left.is_file() else checkpoint_file(folder)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
