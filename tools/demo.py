"""The main job on built-in data: pre-train, probe, segment, detect, draw. Ends with a summary.

    python tools/demo.py             work_dirs/demo/summary.json and reconstruction.png
    python tools/demo.py --seeds 3   pre-training and probe alone, with three seeds: mean and spread

Every stage is a command that you can run yourself; it is printed before it starts, its output is in STAGE.log.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PRETRAIN = "configs/ccmim/vit-tiny_toy.py"
SEGMENT = "configs/ccmim/downstream/upernet_vit-tiny_toy.py"
DETECT = "configs/ccmim/downstream/mask-rcnn_vit-tiny_toy.py"
LOG_PREFIX = re.compile(r"^[\d/]+ [\d:]+ - mmengine - [A-Z]+ - ")
PROGRESS = re.compile(r"(Epoch|Iter)\((train|val)\)|backbone tensors|top-1|wrote ")
SECONDS_BETWEEN_LINES = 5.0
MARKER = ".demo"  # lies in every folder that the demo made and may therefore empty


class StageFailed(Exception):
    """A command ended with an error; the message holds the end of its output."""


def run_stage(name: str, command: list[str], folder: Path) -> float:
    """Run a command of the project, show its progress, keep its output; return the seconds it took."""
    log = folder / f"{name}.log"
    print(f"\n--- {name}: python {' '.join(command)}", flush=True)
    started = shown = time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                now = time.perf_counter()
                if PROGRESS.search(line) and ("tensors" in line or now - shown > SECONDS_BETWEEN_LINES):
                    print(f"{now - started:5.0f} s  {short(line)}", flush=True)
                    shown = now
        finally:
            if sys.exc_info()[0] is not None:
                process.kill()
            status = process.wait()
    if status != 0:
        ending = "".join(log.read_text().splitlines(keepends=True)[-25:])
        raise StageFailed(f"{name} ended with status {status}; its output ends with\n\n{ending}\nAll of it: {log}")
    return round(time.perf_counter() - started, 1)


def short(line: str) -> str:
    """A progress line of the log with what a reader of the demo wants to know."""
    line = LOG_PREFIX.sub("", line.strip())
    place, _, values = re.sub(r"\s+", " ", line).partition("] ")
    if "(train)" not in place:
        return line[:120]
    step = re.match(r"\[? *\d+/ *\d+\]", values)
    known = dict(re.findall(r"(\w[\w/]*): (\S+)", values))
    shown = [f"{key} {known[key]}" for key in ("loss", "images/s", "eta") if key in known]
    return " ".join([f"{place}]", *([step[0]] if step else []), *shown])


def scalars(work_dir: Path) -> Iterator[dict[str, Any]]:
    """What the runs in a work directory logged, oldest first."""
    for file in sorted(work_dir.glob("*/vis_data/scalars.json")):
        for line in file.read_text().splitlines():
            yield json.loads(line)


def logged(work_dir: Path, key: str) -> list[float]:
    values = [float(row[key]) for row in scalars(work_dir) if key in row]
    if not values:
        raise StageFailed(f"{work_dir}: the run logged no {key!r}")
    return values


def loaded(work_dir: Path) -> str:
    """`N/N`: backbone tensors of the dense model that came from the pre-training checkpoint."""
    return json.loads((work_dir / "pretrained_report.json").read_text())["loaded_of_expected"]


def last_checkpoint(work_dir: Path) -> str:
    return (work_dir / "last_checkpoint").read_text().strip()


def pretrain_and_probe(folder: Path, seed: int) -> dict[str, Any]:
    """Pre-train, then compare the encoder with an untrained one by a linear probe on frozen features."""
    run, probe_file = folder / "pretrain", folder / "probe.json"
    train = ["tools/train.py", PRETRAIN, "--work-dir", str(run), "--cfg-options", f"randomness.seed={seed}"]
    train.append("default_hooks.logger.interval=16")
    seconds = {"pretrain": run_stage("pretrain", train, folder)}
    probe = ["tools/probe.py", PRETRAIN, str(run), "--random-init", "--seed", str(seed), "--out", str(probe_file)]
    seconds["probe"] = run_stage("probe", probe, folder)
    losses, accuracies = logged(run, "loss"), json.loads(probe_file.read_text())
    return dict(
        pretrain_loss_first=round(losses[0], 4),
        pretrain_loss_last=round(losses[-1], 4),
        probe_acc_pretrained=round(accuracies["pretrained"]["top1"], 2),
        probe_acc_random_init=round(accuracies["random_init"]["top1"], 2),
        seconds=seconds,
    )


def dense_task(name: str, config: str, folder: Path) -> tuple[Path, float]:
    run = folder / name
    command = ["tools/train.py", config, "--checkpoint", last_checkpoint(folder / "pretrain"), "--work-dir", str(run)]
    return run, run_stage(name, command, folder)


def demo(folder: Path) -> dict[str, Any]:
    """All stages with one seed."""
    summary = pretrain_and_probe(folder, seed=0)
    seconds = summary.pop("seconds")

    run, seconds["segmentation"] = dense_task("segmentation", SEGMENT, folder)
    summary.update(seg_loaded=loaded(run), seg_miou=round(logged(run, "mIoU")[-1], 2))

    run, seconds["detection"] = dense_task("detection", DETECT, folder)
    summary.update(
        det_loaded=loaded(run),
        det_map=round(logged(run, "coco/bbox_mAP")[-1], 3),
        det_mask_map=round(logged(run, "coco/segm_mAP")[-1], 3),
    )

    picture = folder / "reconstruction.png"
    command = ["tools/visualize.py", "reconstruction", PRETRAIN, str(folder / "pretrain"), "--out", str(picture)]
    seconds["picture"] = run_stage("picture", command, folder)
    return dict(**summary, seconds=seconds)


def problems(summary: dict[str, Any]) -> list[str]:
    """What a working installation cannot show."""
    found = []
    if not summary["pretrain_loss_last"] < summary["pretrain_loss_first"]:
        found.append("the pre-training loss did not fall")
    if not summary["probe_acc_pretrained"] > summary["probe_acc_random_init"]:
        found.append("the pre-trained encoder probes no better than an untrained one")
    for task in ("seg", "det"):
        arrived, expected = summary[f"{task}_loaded"].split("/")
        if arrived != expected or expected == "0":
            found.append(f"{task}: only {arrived} of {expected} backbone tensors were loaded")
    return found


def table(summary: dict[str, Any], folder: Path) -> str:
    trained, untrained = summary["probe_acc_pretrained"], summary["probe_acc_random_init"]
    rows = {
        "pretrain": f"loss {summary['pretrain_loss_first']:.3f} -> {summary['pretrain_loss_last']:.3f}",
        "probe": f"top-1 {trained:.1f} % pre-trained, {untrained:.1f} % untrained ({trained - untrained:+.1f})",
        "segmentation": f"mIoU {summary['seg_miou']:.1f} %; {summary['seg_loaded']} backbone tensors loaded",
        "detection": f"box mAP {summary['det_map']:.3f}, mask mAP {summary['det_mask_map']:.3f}; "
        f"{summary['det_loaded']} backbone tensors loaded",
        "picture": str(folder / "reconstruction.png"),
    }
    lines = [f"  {name:13} {text:62} {summary['seconds'][name]:6.0f} s" for name, text in rows.items()]
    total = f"  {'total':13} {folder / 'summary.json'!s:62} {sum(summary['seconds'].values()):6.0f} s"
    return "\n".join(["", "ccMIM on built-in data", *lines, total])


def over_seeds(folder: Path, count: int) -> dict[str, Any]:
    """Pre-training and probe with seeds 0, 1, ...; the untrained encoder and the hold-out change with the seed too."""
    runs = [pretrain_and_probe(fresh(folder / f"seed{seed}"), seed) for seed in range(count)]
    trained = [run["probe_acc_pretrained"] for run in runs]
    untrained = [run["probe_acc_random_init"] for run in runs]
    return dict(
        seeds=count,
        probe_acc_pretrained=trained,
        probe_acc_pretrained_mean=round(mean(trained), 2),
        probe_acc_random_init=untrained,
        probe_acc_random_init_mean=round(mean(untrained), 2),
        spread_pretrained=round(stdev(trained), 2),
        spread_random_init=round(stdev(untrained), 2),
        margin=round(mean(trained) - mean(untrained), 2),
    )


def fresh(folder: Path) -> Path:
    """An empty folder; what an earlier demo left there is removed, anything else is not."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise StageFailed(f"--work-dir {folder}: not empty, and not from an earlier demo; name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    return folder


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="2 or more: pre-training and probe alone, once per seed")
    parser.add_argument("--work-dir", default="work_dirs/demo", metavar="DIR", help="emptied before the demo starts")
    args = parser.parse_args(argv)
    if args.seeds < 1:
        parser.error(f"--seeds {args.seeds}: at least 1")
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    folder = Path(args.work_dir) if args.seeds == 1 else Path(f"{args.work_dir}-seeds")
    try:
        fresh(folder)
        summary = demo(folder) if args.seeds == 1 else over_seeds(folder, args.seeds)
    except StageFailed as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    if args.seeds > 1:
        print(f"\n{json.dumps(summary, indent=2)}\nwritten to {folder / 'summary.json'}")
        return 0
    print(table(summary, folder))
    found = problems(summary)
    for problem in found:
        print(f"problem: {problem}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
