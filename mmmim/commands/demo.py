"""The whole workflow on built-in data: pre-train, probe, segment, detect, draw, report. Ends with a summary.

    python tools/demo.py             writes summary.json, reconstruction.png and report.html into work_dirs/demo
    python tools/demo.py --seeds 3   runs pre-training and probe only, with three seeds: mean and spread
    python tools/demo.py --seeds 3 --config configs/simmim/swin-tiny_toy.py --work-dir work_dirs/swin

Every stage is a command that you can run yourself. It is printed before it starts, and its output is in STAGE.log.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mmmim.commands.command_line import MACHINE, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import run_tool
from mmmim.config.folder import workplace
from mmmim.launch.cores import available_cores
from mmmim.launch.scalars import read_scalars
from mmmim.reproduce.remaining import Remaining, minutes
from mmmim.reproduce.stages import StageFailed, Stages, fresh_folder

PRETRAIN = "configs/ccmim/vit-tiny_toy.py"
SEGMENT = "configs/ccmim/downstream/upernet_vit-tiny_toy.py"
DETECT = "configs/ccmim/downstream/mask-rcnn_vit-tiny_toy.py"
# Measured on two cores of a server, the stages between the first and the last two at a time.
USUAL_SECONDS = dict(pretrain=109.0, detection=95.0, probe=25.0, segmentation=71.0, picture=4.0, report=5.0)


def logged(work_dir: Path, key: str) -> list[float]:
    """Return all logged values of ``key``; raise StageFailed where there are none."""
    files = sorted(work_dir.glob("*/vis_data/scalars.json"))
    values = [float(record[key]) for file in files for record in read_scalars(file) if key in record]
    if not values:
        raise StageFailed(f"{work_dir}: the run logged no {key!r}")
    return values


def loaded(work_dir: Path) -> str:
    """Return `N/N`: how many backbone tensors of the dense model came from the pre-training checkpoint."""
    return json.loads((work_dir / "pretrained_report.json").read_text(encoding="utf-8"))["loaded_of_expected"]


def pretrain_command(folder: Path, seed: int, config: str = PRETRAIN) -> list[str]:
    """Return the command that pre-trains."""
    options = [f"randomness.seed={seed}", "default_hooks.logger.interval=16"]
    return ["tools/train.py", config, "--work-dir", str(folder / "pretrain"), "--overwrite", "--cfg-options", *options]


def probe_command(folder: Path, seed: int, config: str = PRETRAIN) -> list[str]:
    """Return the command that probes the pre-trained and the untrained encoder."""
    return ["tools/probe.py", config, str(folder / "pretrain"), "--random-init", "--seed", str(seed)]


def dense_command(folder: Path, name: str, config: str) -> list[str]:
    """Return the command that trains a segmentation or detection config from the pre-training checkpoint."""
    from mmmim.checkpoint.files import stored_checkpoints

    checkpoint = str(stored_checkpoints(folder / "pretrain", folder / "pretrain")[0])
    return ["tools/train.py", config, "--checkpoint", checkpoint, "--work-dir", str(folder / name), "--overwrite"]


def picture_command(folder: Path) -> list[str]:
    """Return the command that draws reconstructions."""
    out = str(folder / "reconstruction.png")
    return ["tools/visualize.py", "reconstruction", PRETRAIN, str(folder / "pretrain"), "--out", out]


def report_command(folder: Path) -> list[str]:
    """Return the command that writes the page about the pre-training."""
    out = str(folder / "report.html")
    return ["tools/report.py", str(folder / "pretrain"), "--title", "The demo of mmmim: ccMIM", "--out", out]


def pretrain_and_probe_results(folder: Path) -> dict[str, float]:
    """Return the first and last loss of pre-training, and both accuracies of the probe."""
    losses = logged(folder / "pretrain", "loss")
    accuracies = json.loads((folder / "pretrain" / "probe.json").read_text(encoding="utf-8"))
    return dict(
        pretrain_loss_first=round(losses[0], 4),
        pretrain_loss_last=round(losses[-1], 4),
        probe_acc_pretrained=round(accuracies["pretrained"]["top1"], 2),
        probe_acc_random_init=round(accuracies["random_init"]["top1"], 2),
    )


def demo(folder: Path, cores: int) -> dict[str, Any]:
    """Run all stages with one seed and return the summary."""
    started = time.perf_counter()
    remaining = Remaining(USUAL_SECONDS, alone=("pretrain", "report"), lanes=min(2, cores))
    print(f"ccMIM on built-in data: about {minutes(remaining.left())} minutes on two cores of a server")
    stages = Stages(folder, cores, remaining)
    stages.run("pretrain", pretrain_command(folder, seed=0))
    stages.run_side_by_side(
        {
            "detection": dense_command(folder, "detection", DETECT),
            "probe": probe_command(folder, seed=0),
            "segmentation": dense_command(folder, "segmentation", SEGMENT),
            "picture": picture_command(folder),
        }
    )
    stages.run("report", report_command(folder))
    segmentation, detection = folder / "segmentation", folder / "detection"
    return dict(
        **pretrain_and_probe_results(folder),
        seg_loaded=loaded(segmentation),
        seg_miou=round(logged(segmentation, "mIoU")[-1], 2),
        det_loaded=loaded(detection),
        det_map=round(logged(detection, "coco/bbox_mAP")[-1], 3),
        det_mask_map=round(logged(detection, "coco/segm_mAP")[-1], 3),
        cores=cores,
        seconds={**stages.seconds, "total": round(time.perf_counter() - started, 1)},
        cpu_seconds={**stages.cpu_seconds, "total": round(sum(stages.cpu_seconds.values()), 1)},
    )


def problems(summary: dict[str, Any]) -> list[str]:
    """Return the results that a working installation cannot give, in words."""
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
    """Return the summary as a text table."""
    trained, untrained = summary["probe_acc_pretrained"], summary["probe_acc_random_init"]
    rows = {
        "pretrain": f"loss {summary['pretrain_loss_first']:.3f} -> {summary['pretrain_loss_last']:.3f}",
        "probe": f"top-1 {trained:.1f} % pre-trained, {untrained:.1f} % untrained ({trained - untrained:+.1f})",
        "segmentation": f"mIoU {summary['seg_miou']:.1f} %; {summary['seg_loaded']} backbone tensors loaded",
        "detection": f"box mAP {summary['det_map']:.3f}, mask mAP {summary['det_mask_map']:.3f}; "
        f"{summary['det_loaded']} backbone tensors loaded",
        "picture": str(folder / "reconstruction.png"),
        "report": f"{folder / 'report.html'}: open it in a browser",
    }
    rows["total"] = str(folder / "summary.json")
    lines = [f"  {name:13} {text:62} {summary['seconds'][name]:6.0f} s" for name, text in rows.items()]
    side_by_side = "(two stages at a time after the pre-training)"
    return "\n".join(["", f"ccMIM on built-in data, {summary['cores']} cores {side_by_side}", *lines])


def run_seeds(folder: Path, cores: int, count: int, config: str) -> dict[str, Any]:
    """Run pre-training and probe with seeds 0, 1, ... and return the statistics.

    The untrained encoder and the probe's hold-out set change with the seed, too.
    """
    runs = []
    for seed in range(count):
        stages = Stages(fresh_folder(folder / f"seed{seed}"), cores)
        stages.run("pretrain", pretrain_command(stages.folder, seed, config))
        stages.run("probe", probe_command(stages.folder, seed, config))
        runs.append(pretrain_and_probe_results(stages.folder))
    return dict(config=config, **summarize_seeds(runs))


def summarize_seeds(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Return the mean and the spread (standard deviation) of the probe's accuracies over ``runs``."""
    trained = [run["probe_acc_pretrained"] for run in runs]
    untrained = [run["probe_acc_random_init"] for run in runs]
    return dict(
        seeds=len(runs),
        probe_acc_pretrained=trained,
        probe_acc_pretrained_mean=round(mean(trained), 2),
        probe_acc_random_init=untrained,
        probe_acc_random_init_mean=round(mean(untrained), 2),
        spread_pretrained=round(stdev(trained), 2),
        spread_random_init=round(stdev(untrained), 2),
        margin=round(mean(trained) - mean(untrained), 2),
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="2 or more: only pre-training and probe, once per seed"
    )
    parser.add_config("--config", default=PRETRAIN, help="with --seeds: the pre-training to repeat")
    parser.group(OUTPUT).add_argument(
        "--work-dir", default="work_dirs/demo", metavar="DIR", help="emptied before the demo starts"
    )
    parser.group(MACHINE).add_argument("--cores", type=int, default=0, help="default: all, at most 8")
    args = parser.parse_args(argv)
    if args.seeds < 1:
        parser.error(f"--seeds {args.seeds}: at least 1")
    if args.config != PRETRAIN and args.seeds == 1:
        parser.error("--config: the whole demo is of ccMIM; give --seeds 2 or more")
    return args


def run(args: argparse.Namespace) -> int:
    """Run the demo, write and print its summary, and return 1 where something is wrong with it."""
    os.chdir(workplace())
    check_output("--work-dir", args.work_dir, folder=True)
    cores = args.cores or min(8, available_cores())
    folder = Path(args.work_dir) if args.seeds == 1 else Path(f"{args.work_dir}-seeds")
    fresh_folder(folder)
    summary = demo(folder, cores) if args.seeds == 1 else run_seeds(folder, cores, args.seeds, args.config)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    if args.seeds > 1:
        print(f"\n{json.dumps(summary, indent=2)}\nwritten to {folder / 'summary.json'}")
        return 0
    print(table(summary, folder))
    found = problems(summary)
    for problem in found:
        print(f"problem: {problem}", file=sys.stderr)
    return bool(found)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
