"""The work of ``tools/advise.py``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from typing import Any

import torch

from mmmim.benchmark.own_data import StepTime, time_steps
from mmmim.called import as_called
from mmmim.datasets.decode import image_extensions
from mmmim.datasets.file_listing import list_images
from mmmim.datasets.sources import location_exists
from mmmim.datasets.survey import Survey, describe, facts, survey
from mmmim.errors import MissingFileError, UsageError
from mmmim.launch.cores import available_cores
from mmmim.launch.prepare import prepare
from mmmim.plan.advice import Advice, Machine, recommend
from mmmim.plan.dry_run import DryRun, dry_run
from mmmim.progress import progress, track

KINDS = "a folder of images, a pack, .zip, .tar, .arrow or .parquet"
LONG = 14 * 24  # hours from which a run needs another machine
BUSY = 1.5  # programs that wait for each core


def advise(args: argparse.Namespace) -> None:
    """Print what the images are, the recommended run, its commands and its hours."""
    found = look(args.folder, args.max_images, args.workers)
    told = facts(found)
    if not args.json:
        print(describe(told), flush=True)
    machine = Machine(torch.cuda.device_count(), available_cores())
    try:
        advice = recommend(found, args.method, machine)
    except UsageError:
        if args.json:
            print(json.dumps(told, indent=2))
        raise
    plan = dry_run(advice.prepared)
    train, evaluate = advice.train_command(), advice.evaluation_commands(found.can_be_scored())
    if not args.json:
        print(f"\n{_recommended(advice, plan)}\n\n{_commands(train, evaluate)}", flush=True)
    measured = None if args.no_measure else _measure(advice)
    if args.json:
        print(json.dumps(dict(told, advice=_as_values(advice, plan, train, evaluate, measured)), indent=2))
    elif measured is not None:
        print(f"\n{_hours(measured, plan.schedule.iterations or 0, machine)}")


def look(folder: str, max_images: int, workers: int | None) -> Survey:
    """Return what is in a folder.

    Raises:
        UsageError: There is no such folder, nothing in it is an image, or none can be decoded.
    """
    cores = available_cores()
    processes = (cores if cores > 1 else 0) if workers is None else workers
    if not location_exists(folder):
        raise MissingFileError(f"DIR {folder}: does not exist (looked from {os.getcwd()}); give {KINDS}")
    try:
        found = survey(folder, max_images, processes, lambda steps, total: track(steps, "looked at", total))
    except PermissionError:
        raise UsageError(f"DIR {folder}: may not be read; allow it with chmod -R u+rX {shlex.quote(folder)}") from None
    except MissingFileError:
        raise MissingFileError(f"DIR {folder}: {_why_nothing(folder)}; give {KINDS}") from None
    broken = found.train.broken
    if not found.train.images:
        example = f"none of the {len(broken):,} images looked at can be read, such as {broken[0].path}"
        fix = f"allow it with chmod -R u+rX {shlex.quote(folder)}" if broken[0].refused else "mend or replace them"
        raise UsageError(f"DIR {folder}: {example} ({broken[0].reason}); {fix}")
    return found


def _why_nothing(folder: str) -> str:
    if not os.path.isdir(folder):
        return "is a file of a kind that --data does not read"
    listing = list_images(folder, image_extensions())
    there = listing.describe_left_out()
    return f"holds no image at any depth, but {there}" if there else "is empty"


def _recommended(advice: Advice, plan: DryRun) -> str:
    size, reasons, cfg = advice.size, advice.size.reasons, advice.prepared.cfg
    parameters = f"{plan.trainable('backbone.') / 1e6:.3g}M parameters"
    patches = f"{(advice.crop // advice.patch) ** 2} patches"
    rule = cfg.auto_scale_lr
    base_lr = advice.prepared.lrs[""] / advice.prepared.batch.effective * rule.base_batch_size
    lr_reason = reasons["lr"] if advice.method.mae_lr else "that of the config"
    rows = [
        ("method", advice.method.title, advice.method.suits),
        ("encoder", f"{size.arch}, {parameters}", reasons["encoder"]),
        ("image size", f"{advice.crop} x {advice.crop}", _why_crop(advice)),
        ("patch size", f"{advice.patch} x {advice.patch}, {patches}", reasons["patches"]),
        ("batch size", str(advice.prepared.batch), ""),
        ("epochs", f"{advice.epochs:,}, {plan.schedule.updates or 0:,} updates", reasons["length"]),
        ("base lr", f"{base_lr:.3g} for {rule.base_batch_size} images", lr_reason),
        ("reading", _reading(advice), ""),
    ]
    lines = [f"  {name:10}  {value}{f' ({why})' if why else ''}" for name, value, why in rows if value]
    return "\n".join([f"recommended for about {size.typical} images", *lines])


def _why_crop(advice: Advice) -> str:
    sizes = ", ".join(str(crop) for crop, _ in advice.size.crops)
    if advice.short_side < advice.crop:
        return f"the smallest of {sizes}; images with a short side of {advice.short_side} are enlarged"
    return f"the largest of {sizes} that images with a short side of {advice.short_side} (median) fill"


def _reading(advice: Advice) -> str:
    reading = advice.reading
    if reading.is_usual:
        return ""
    became = "" if reading.value_range is None else f", {reading.value_range} become 0 and 255"
    word = "channel" if reading.channels == 1 else "channels"
    return f"{reading.channels} {word}{became}; mean and standard deviation are those of the images looked at"


def _commands(train: list[str], evaluate: list[list[str]]) -> str:
    return "\n".join(["train", _wrapped(train), "evaluate", *map(_wrapped, evaluate)])


def _wrapped(words: list[str]) -> str:
    """Return a command as it is called here, in lines that a shell joins: the changes to the config have their own."""
    number = words.index("--cfg-options") if "--cfg-options" in words else len(words)
    lines = [f"  {as_called(shlex.join(words[:number]))}"]
    if options := words[number + 1 :]:
        lines += ["    --cfg-options", *(f"      {shlex.quote(option)}" for option in options)]
    return " \\\n".join(lines)


def _measure(advice: Advice) -> StepTime:
    settings = advice.settings
    prepared = prepare(advice.recipe, settings.__class__(**{**vars(settings), "planned": False, "processes": 1}))
    with progress("steps", "measured") as show:
        return time_steps(prepared, show=show)


def _hours(measured: StepTime, steps: int, machine: Machine) -> str:
    hours = measured.hours(steps)
    where = f"on {torch.cuda.get_device_name()}" if machine.devices else f"on {machine.cores} CPU cores"
    text = f"time: {_duration(hours)} {where}: {steps:,} steps of {measured.seconds:.3g} s (mean of {measured.steps})"
    load = os.getloadavg()[0] / machine.cores if hasattr(os, "getloadavg") else 0.0
    if not machine.devices and load > BUSY:
        cpu = f"{measured.cpu_seconds:.2g} s of CPU time"
        text += f"\nnote: other programs keep the cores busy: a step takes {cpu}, and less time where it is alone"
    if hours > LONG:
        text += "\nnote: too long for this machine: train on GPUs, give fewer --epochs, or start from published weights"
    return text


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.2g} minutes"
    return f"{hours:.3g} hours" if hours < 48 else f"{hours / 24:.3g} days"


def _as_values(
    advice: Advice, plan: DryRun, train: list[str], evaluate: list[list[str]], measured: StepTime | None
) -> dict[str, Any]:
    steps = plan.schedule.iterations or 0
    return dict(
        method=advice.method.name,
        config=advice.config,
        encoder=str(advice.size.arch),
        parameters=plan.trainable("backbone."),
        img_size=advice.crop,
        patch_size=advice.patch,
        batch_size=advice.prepared.batch.effective,
        epochs=advice.epochs,
        steps=steps,
        lr=advice.prepared.lrs[""],
        options=advice.options,
        commands=dict(
            train=as_called(shlex.join(train)), evaluate=[as_called(shlex.join(words)) for words in evaluate]
        ),
        seconds_per_step=None if measured is None else measured.seconds,
        hours=None if measured is None else measured.hours(steps),
    )
