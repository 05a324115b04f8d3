"""Drills of the data: outages, broken files, pipes, workers."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from attempt import attempt
from matrix import ROOT, Outcome, steps
from PIL import Image

CONFIG = ROOT / "configs/mae/vit-tiny_toy.py"


def pictures(folder: Path, number: int, first: int = 0) -> Path:
    """Write small JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(first, first + number):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:05}.jpg")
    return folder


def config(folder: Path, *lines: str, workers: int = 2) -> Path:
    """Write a config that notes its samples."""
    text = [
        f"_base_ = {str(CONFIG)!r}",
        "custom_hooks = [dict(type='DrillRecorder')]",
        f"train_dataloader = dict(batch_size=4, num_workers={workers}, persistent_workers={workers > 0})",
        "default_hooks = dict(checkpoint=dict(interval=-1, rolling_minutes=0, rolling_interval=1))",
        *lines,
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drill.py").write_text("\n".join(text) + "\n", encoding="utf-8")
    return folder / "drill.py"


def while_training(work: Path, after: int, act: Callable[[], None]) -> threading.Thread:
    """Call ``act`` once the run has taken ``after`` steps."""

    def wait() -> None:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            if (work / "steps_0.jsonl").exists() and len(steps(work, 0)) >= after:
                act()
                return
            time.sleep(0.01)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def outage(folder: Path, seconds: float) -> Outcome:
    """Take the folder of the images away for some time."""
    data, work = pictures(folder / "data", 400), folder / "run"

    def away() -> None:
        data.rename(folder / "away")
        time.sleep(seconds)
        (folder / "away").rename(data)

    acting = while_training(work, 8, away)
    status = attempt(
        [str(config(work)), "--work-dir", str(work), "--data", str(data), "--epochs", "1"], work / "log.txt"
    )
    acting.join()
    seen = [index for line in steps(work, 0) for index in line["indices"]]
    bad = (
        len((work / "bad_files.txt").read_text(encoding="utf-8").splitlines())
        if (work / "bad_files.txt").exists()
        else 0
    )
    pause = max(b["at"] - a["at"] for a, b in zip(steps(work, 0), steps(work, 0)[1:], strict=False))
    lost = 400 - len(set(seen)) + len(seen) - len(set(seen))
    return Outcome(int(status != [0]), lost + bad, 0, max(0.0, pause - seconds), f"{bad} files marked bad")


def long_outage(folder: Path) -> Outcome:
    """Take the folder away for longer than the run waits, then resume."""
    data, work = pictures(folder / "data", 200), folder / "run"
    patience = "default_hooks['bad_files'] = dict(outage_minutes=0.1)"
    acting = while_training(work, 20, lambda: data.rename(folder / "away"))
    words = [str(config(work, patience)), "--work-dir", str(work), "--data", str(data), "--epochs", "2"]
    stopped = attempt(words, work / "log.txt")
    acting.join()
    (folder / "away").rename(data)
    began = time.time()
    resumed = attempt([*words, "--resume", "auto"], work / "log.txt")
    said = "after 0.1 minutes of trying" in (work / "log.txt").read_text(encoding="utf-8", errors="replace")
    last = {line["iter"]: line["indices"] for line in steps(work, 0)}
    lost = 400 - sum(map(len, last.values()))
    redone = len(steps(work, 0)) - len(last)
    first = min(line["at"] for line in steps(work, 0) if line["at"] > began) - began
    good = stopped == [1] and resumed == [0] and said
    return Outcome(int(not good), lost, redone, first, "stopped with the path and resumed")


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda good: b"",
    "one byte": lambda good: good[:1],
    "header only": lambda good: good[:20],
    "half": lambda good: good[: len(good) // 2],
    "all zero": lambda good: bytes(len(good)),
    "random": lambda good: np.random.default_rng(0).bytes(len(good)),
    "text": lambda good: b"not an image",
    "html": lambda good: b"<!DOCTYPE html><html>404 Not Found</html>",
    "git pointer": lambda good: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
    "no start marker": lambda good: good[2:],
    "every second byte": lambda good: good[::2],
    "reversed": lambda good: good[::-1],
    "zip": lambda good: b"PK\x03\x04" + bytes(50),
    "pickle": lambda good: b"\x80\x04K\x01.",
    "gif of nothing": lambda good: b"GIF89a" + bytes(10),
    "png of nothing": lambda good: b"\x89PNG\r\n\x1a\n" + bytes(20),
    "tiff of nothing": lambda good: b"II*\0" + bytes(20),
    "webp of nothing": lambda good: b"RIFF\x10\0\0\0WEBPVP8 " + bytes(8),
    "npy of objects": lambda good: b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "bmp of nothing": lambda good: b"BM" + bytes(30),
}


def broken_files(folder: Path, number: int = 1000) -> Outcome:
    """Train on a folder in which files of 20 kinds are broken."""
    data, work = pictures(folder / "data", 2 * number), folder / "run"
    kinds = list(BROKEN.values())
    for index in range(number):
        file = data / f"{2 * index:05}.jpg"
        file.write_bytes(kinds[index % len(kinds)](file.read_bytes()))
    share = "default_hooks['bad_files'] = dict(max_bad_share=0.6)"
    lines = [share, "train_dataloader['batch_size'] = 40"]
    words = [str(config(work, *lines)), "--work-dir", str(work), "--data", str(data), "--epochs", "1"]
    status = attempt(words, work / "log.txt")
    listed = (work / "bad_files.txt").read_text(encoding="utf-8").splitlines()
    wrong = [name for name in listed if int(Path(name).stem) % 2]
    served = torch.tensor([index for line in steps(work, 0) for index in line["indices"]])
    counts = torch.bincount(served, minlength=2 * number)
    lost = int((counts[1::2] == 0).sum()) + len(wrong)
    note = f"{len(listed)} of {number} listed, none of the good; a good one is served at most {int(counts.max())} times"
    return Outcome(int(status != [0] or len(listed) != number), lost, 0, 0.0, note)


def pipe(folder: Path) -> Outcome:
    """Put pipes, loops and a device among the images."""
    data, work = pictures(folder / "data", 40), folder / "run"
    os.mkfifo(data / "pipe.jpg")
    (data / "loop.jpg").symlink_to("loop.jpg")
    (data / "device.jpg").symlink_to("/dev/zero")
    status = attempt(
        [str(config(work)), "--work-dir", str(work), "--data", str(data), "--epochs", "1"], work / "log.txt"
    )
    seen = {index for line in steps(work, 0) for index in line["indices"]}
    return Outcome(int(status != [0]), 40 - len(seen), 0, 0.0, "left out at the start, named in the log")


def worker(folder: Path, what: str) -> Outcome:
    """Kill or stop a data worker, then resume."""
    data, work = pictures(folder / "data", 400), folder / "run"
    number = signal.SIGKILL if what == "killed" else signal.SIGSTOP

    def act() -> None:
        for entry in Path("/proc").iterdir():  # the newest process that has our config on its command line has workers
            if entry.name.isdigit() and entry.name != str(os.getpid()) and _is_worker(entry, work):
                os.kill(int(entry.name), number)
                return

    acting = while_training(work, 20, act)
    lines = ["train_dataloader['timeout'] = 20"]
    words = [str(config(work, *lines)), "--work-dir", str(work), "--data", str(data), "--epochs", "2"]
    stopped = attempt(words, work / "log.txt")
    acting.join()
    said = (work / "log.txt").read_text(encoding="utf-8", errors="replace")
    told = "of a dataloader ended" in said if what == "killed" else "a dataloader gave nothing for" in said
    began = time.time()
    resumed = attempt([*words, "--resume", "auto"], work / "log.txt")
    last = {line["iter"]: line["indices"] for line in steps(work, 0)}
    redone = len(steps(work, 0)) - len(last)
    lost = 800 - sum(map(len, last.values()))
    first = min((line["at"] for line in steps(work, 0) if line["at"] > began), default=began) - began
    return Outcome(int(stopped != [1] or resumed != [0] or not told), lost, redone, first, "named in one line")


def _is_worker(entry: Path, work: Path) -> bool:
    """Return whether a process writes to the log of a run and is a child of the process that does the same."""
    try:
        log = str(work / "log.txt")
        if os.readlink(entry / "fd/1") != log:
            return False
        parent = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        return os.readlink(f"/proc/{parent}/fd/1") == log
    except OSError:
        return False


def memory(folder: Path, number: int = 2000) -> Outcome:
    """Take many steps and compare memory, open files and threads of the process at a quarter and at the end."""
    work = folder / "run"
    lines = [
        "custom_hooks = [dict(type='DrillRecorder'), dict(type='DrillUsage')]",
        f"train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters={number})",
        "train_dataloader['sampler'] = dict(type='InfiniteEpochSampler', shuffle=True)",
        "train_dataloader['dataset'] = dict(num_images=64)",
        "param_scheduler = []",
        "log_processor = dict(by_epoch=False)",
        "default_hooks['checkpoint'] = dict(interval=-1, by_epoch=False, rolling_minutes=0.05)",
    ]
    status = attempt([str(config(work, *lines)), "--work-dir", str(work)], work / "log.txt", seconds=3600)
    usage = [json.loads(line) for line in (work / "usage.jsonl").read_text(encoding="utf-8").splitlines()]
    early, late = usage[len(usage) // 4], usage[-1]
    growth = late["memory"] / early["memory"] - 1
    same = late["files"] <= early["files"] and late["threads"] <= early["threads"] and growth < 0.05
    note = (
        f"after {early['iter']} and {late['iter']} steps: {early['memory'] / 1e6:.0f} and "
        f"{late['memory'] / 1e6:.0f} MB, {early['files']} and {late['files']} files, {early['threads']} and "
        f"{late['threads']} threads"
    )
    return Outcome(int(status != [0] or not same), 0, 0, 0.0, note)
