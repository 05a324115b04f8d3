"""Drills of numbers, disks, hostile files and work directories."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import torch
from attempt import attempt
from hostile import hostile
from matrix import Cell, Outcome, compare, straight
from matrix import config as cell_config
from storage import config, while_training

from mmmim.checkpoint.reader import read_file
from mmmim.errors import UsageError

CELL = Cell("MAE", "epoch", 1, 1, "none")


def numbers(folder: Path, what: str, value: str) -> Outcome:
    """Make a loss, gradient or weight not finite in a step; the run must stop, or skip the update, and lose no file."""
    work = folder / "run"
    hook = f"custom_hooks = [dict(type='DrillRecorder'), dict(type='DrillNumber', what={what!r}, value={value!r})]"
    checkpoints = (
        "default_hooks['checkpoint'] = dict(interval=-1, by_epoch=False, rolling_minutes=0, rolling_interval=1)"
    )
    data = "train_dataloader['dataset'] = dict(num_images=48)"
    file = config(work, hook, checkpoints, data, "train_cfg = dict(max_epochs=1)", workers=0)
    status = attempt([str(file), "--work-dir", str(work)], work / "log.txt")
    said = (work / "log.txt").read_text(encoding="utf-8", errors="replace")
    if what == "gradient":
        good = status == [0] and "1 updates up to iteration 7 were skipped" in said
        return Outcome(int(not good), 0, 0, 0.0, "the update is skipped, counted and logged")
    named = f"non-finite {what}" in said or f"non-finite {what}s after iteration 7" in said
    stored = read_file(work / "rolling.pth")
    finite = all(bool(v.isfinite().all()) for v in stored["state_dict"].values() if v.is_floating_point())
    good = status == [1] and named and finite and stored["meta"]["iter"] <= 7
    return Outcome(int(not good), 0, 0, 0.0, "stops with step and name; the checkpoint is from before")


def full_disk(folder: Path) -> Outcome:
    """Give the run a disk on which two checkpoints do not fit, then more room."""
    reference, disk = straight(folder, CELL), folder / "disk"
    disk.mkdir(parents=True)
    size = sum(file.stat().st_size for file in reference.glob("*.pth"))
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={int(1.5 * size)}", "none", str(disk)], check=False
    ).returncode:
        return Outcome(0, 0, 0, 0.0, "not run: mounting a small disk needs root")
    try:
        work = disk / "run"
        file = cell_config(folder / "config", CELL, fault=False)
        status = attempt([str(file), "--work-dir", str(work)], folder / "log.txt")
        said = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        told = "Could not write" in said and "No space left on device" in said
        subprocess.run(["mount", "-o", f"remount,size={20 * size}", str(disk)], check=True)
        began = time.time()
        resumed = attempt([str(file), "--work-dir", str(work), "--resume", "auto"], folder / "log.txt")
        outcome = compare(reference, work, 1, resumed, began)
        note = f"status {status[0]}, then room is made; {outcome.note or 'ends alike'}"
        return outcome._replace(lost_runs=outcome.lost_runs + int(not told), note=note)
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def read_only(folder: Path) -> Outcome:
    """Start in a folder that cannot be written."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(disk)], check=False).returncode:
        return Outcome(0, 0, 0, 0.0, "not run: mounting a disk needs root")
    try:
        file = cell_config(folder / "config", CELL, fault=False)
        status = attempt([str(file), "--work-dir", str(disk / "run")], folder / "log.txt")
    finally:
        subprocess.run(["umount", str(disk)], check=False)
    said = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
    good = status == [2] and "Read-only file system" in said
    return Outcome(int(not good), 0, 0, 0.0, "one line that names the folder" if good else said)


def two_runs(folder: Path) -> Outcome:
    """Start a second run in the work directory of the first."""
    reference, work = straight(folder, CELL), folder / "run"
    file = cell_config(work, CELL, fault=False)
    second: list[int] = []
    acting = while_training(
        work, 2, lambda: second.extend(attempt([str(file), "--work-dir", str(work), "--resume"], folder / "second.txt"))
    )
    first = attempt([*_slow(file), "--work-dir", str(work)], work / "log.txt")
    acting.join()
    said = (folder / "second.txt").read_text(encoding="utf-8", errors="replace")
    outcome = compare(reference, work, 1, first, time.time())
    good = second == [2] and "trains there" in said
    return outcome._replace(lost_runs=outcome.lost_runs + int(not good), seconds=0.0, note="the second is refused")


def _slow(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("custom_hooks = [", "custom_hooks = [{'type': 'DrillSlow'}, "), encoding="utf-8")
    return [str(file)]


def clock_goes_back(folder: Path) -> Outcome:
    """Kill a run, set the times of its files into the past and the future, and resume."""
    reference, work = straight(folder, CELL), folder / "run"
    killed = CELL._replace(moment="step")
    file = cell_config(work, killed, fault=True)
    attempt([str(file), "--work-dir", str(work)], work / "log.txt")
    older = work / "iter_2.pth"
    shutil.copyfile(reference / next(iter(reference.glob("*.pth"))).name, older)
    os.utime(work / "rolling.pth", (0, 0))
    os.utime(older, (2**31, 2**31))
    (work / "run.lock").touch()
    content = torch.load(work / "rolling.pth", weights_only=True)
    content["meta"]["iter"] = 2
    torch.save(content, older)  # an older state with a date in the future
    os.utime(older, (2**31, 2**31))
    began = time.time()
    file = cell_config(work, CELL, fault=False)
    resumed = attempt([str(file), "--work-dir", str(work), "--resume", "auto"], work / "log.txt")
    return compare(reference, work, 1, resumed, began)


def stale_lock(folder: Path) -> Outcome:
    """Kill a run, which leaves its lock, and resume it."""
    reference, work = straight(folder, CELL), folder / "run"
    file = cell_config(work, CELL._replace(moment="step"), fault=True)
    attempt([str(file), "--work-dir", str(work)], work / "log.txt")
    left = (work / "run.lock").exists()
    began = time.time()
    file = cell_config(work, CELL, fault=False)
    resumed = attempt([str(file), "--work-dir", str(work), "--resume", "auto"], work / "log.txt")
    outcome = compare(reference, work, 1, resumed, began)
    return outcome._replace(lost_runs=outcome.lost_runs + int(not left))


def hostile_files(folder: Path) -> Outcome:
    """Read files that ask for calls, in both formats of torch."""
    folder.mkdir(parents=True, exist_ok=True)
    marker, ran, read = folder / "marker", 0, 0
    for kind, content in hostile(marker).items():
        for zipped in (True, False):
            file = folder / f"{kind}_{zipped}.pth"
            torch.save(dict(state_dict={}, extra=content), file, _use_new_zipfile_serialization=zipped)
            try:
                read_file(file)
                read += 1
            except UsageError:
                ran += marker.exists()
    return Outcome(ran + read, 0, 0, 0.0, f"{2 * len(hostile(marker))} files refused, {ran} ran code")


def second_ctrl_c(folder: Path) -> Outcome:
    """Press Ctrl-C twice; the run ends at once and its last checkpoint is intact."""
    reference, work = straight(folder, CELL), folder / "run"
    file = cell_config(work, CELL, fault=False)
    began = threading.Event()

    def press() -> None:
        pid = int((work / "pid").read_text(encoding="utf-8"))
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGINT)
        began.set()

    acting = while_training(work, 5, press)
    ended = attempt([*_slow(file), "--work-dir", str(work)], work / "log.txt")
    acting.join()
    start = time.time()
    file = cell_config(work, CELL, fault=False)
    resumed = attempt([str(file), "--work-dir", str(work), "--resume", "auto"], work / "log.txt")
    outcome = compare(reference, work, 1, resumed, start)
    return outcome._replace(lost_runs=outcome.lost_runs + int(not any(ended)))
