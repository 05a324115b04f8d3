"""Print and write the figures of each kind that ``tools/benchmark.py`` measures."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable

import torch

from . import data, evaluation, report, startup, step
from .kernels import kernels
from .rounds import measure_in_worker

PACK_FORMATS = {"packed as JPEG": "jpeg", "packed pixels": "pixels"}


def measure_data(args: argparse.Namespace) -> None:
    """Measure pipelines of images, from files and from packs."""
    torch.set_num_threads(1)
    with data.photographs(args.data, args.images) as root, tempfile.TemporaryDirectory() as folder:
        packs = {} if args.no_packs else {name: data.pack(root, folder, kind) for name, kind in PACK_FORMATS.items()}
        contenders = data.contenders(args.config, root, packs)
        if args.peer:
            contenders.update(data.peer_contenders(root))
        timings = measure_in_worker(contenders, args.images, args.rounds)
    report.show("data", {name: each.as_dict() for name, each in timings.items()}, vars(args), args.out)


def measure_step(args: argparse.Namespace) -> None:
    """Measure training steps of a config in each variant."""
    settings = step.StepSettings(args.batch, args.steps, args.warmup, args.block, args.threads)
    figures = step.measure(args.config, args.variants, args.peer is not None, settings)
    found = dict(kernels=kernels(args.config, args.variants[0], settings)) if args.profile else {}
    report.show("step", {**figures, **found}, vars(args), args.out)


def measure_startup(args: argparse.Namespace) -> None:
    """Measure how long commands need to answer."""
    started = startup.commands()
    timings = startup.measure(started, args.rounds)
    report.show("startup", {name: each.as_dict() for name, each in timings.items()}, vars(args), args.out)


def measure_evaluation(args: argparse.Namespace) -> None:
    """Measure a k-NN evaluation, the first time and again."""
    figures = evaluation.measure(args.data, args.images)
    report.show("eval", figures, vars(args), args.out)


KINDS: dict[str, Callable[[argparse.Namespace], None]] = dict(
    data=measure_data,
    step=measure_step,
    startup=measure_startup,
    eval=measure_evaluation,
    page=lambda args: report.write_page(),
)
