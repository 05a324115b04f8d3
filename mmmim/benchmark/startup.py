"""Measure the CPU seconds until a command answers, and until a training takes its first step."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping

from mmmim.config.folder import configs_folder, tools_folder
from mmmim.errors import RunFailed
from mmmim.progress import track

from .rounds import Timing, in_turns

TOY = "mae/vit-tiny_toy.py"
FIRST_STEP = """
import os, shutil, sys, tempfile
from mmmim.commands import train
folder = tempfile.mkdtemp()
def end(hook, runner, *rest, **named):
    shutil.rmtree(folder)
    os._exit(0)
from mmmim.engine.hooks.runtime_info import BufferedRuntimeInfoHook
BufferedRuntimeInfoHook.after_train_iter = end
sys.exit(train.main([{config!r}, "--work-dir", folder, "--cfg-options", "train_dataloader.num_workers=0",
                     "train_dataloader.persistent_workers=False", "train_dataloader.batch_size=16"]) or 1)
"""


def commands() -> dict[str, list[str]]:
    """Return what is started, by name: imports, ``--help`` of each door, and one training step of a toy."""
    found = {
        "import torch": [sys.executable, "-c", "import torch"],
        "import mmmim": [sys.executable, "-c", "import mmmim"],
        "python": [sys.executable, "-c", "pass"],
    }
    for door in sorted(tools_folder().glob("*.py")):
        found[f"{door.name} --help"] = [sys.executable, str(door), "--help"]
    found["first step"] = [sys.executable, "-c", FIRST_STEP.format(config=str(configs_folder() / TOY))]
    return found


def measure(started: Mapping[str, list[str]], rounds: int) -> dict[str, Timing]:
    """Return the times of each command in processes of their own, one thread each.

    Raises:
        RunFailed: A command failed; the message has its last lines.
    """
    timings = {name: Timing(1) for name in started}
    turns = in_turns(list(started), rounds)
    for number, name in enumerate(track(turns, "measured", len(turns), "starts")):
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            started[name], env=dict(os.environ, OMP_NUM_THREADS="1"), capture_output=True, text=True, encoding="utf-8"
        )
        wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise RunFailed(f"{name} ended with status {done.returncode}: {done.stderr[-800:].strip()}")
        if number >= len(started):
            timings[name].cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            timings[name].wall.append(wall)
    return timings
