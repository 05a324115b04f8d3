"""How commands are called here: ``python tools/train.py`` in a clone, ``mmmim train`` elsewhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = "mmmim"
VARIABLE = "MMMIM_CALLED_AS"  # also for the processes that a command starts
VERBS = {
    "advise": "look at your images, and say how to train on them",
    "train": "train any config: pre-training, probing, fine-tuning, segmentation, detection",
    "test": "evaluate a checkpoint with the test set and metrics of its config",
    "dist-train": "train with several processes, on one machine or on several",
    "dist-test": "test with several processes",
    "slurm-train": "train with several processes under Slurm",
    "slurm-test": "test with several processes under Slurm",
    "probe": "linear probe of frozen features",
    "knn": "k-NN accuracy of frozen features",
    "embed": "write the features of images",
    "report": "write a page about runs: curves, pictures, recipe, results",
    "visualize": "draw reconstructions, masks, attention, losses",
    "export": "write an encoder for other libraries",
    "convert": "read a published checkpoint",
    "pack": "pack images into a few files that are read faster",
    "print-config": "print a config as it takes effect",
    "list-models": "list configs and models",
    "reproduce": "run the tables of the papers",
    "replay": "compute a step of a run again on the CPU",
    "benchmark": "measure data, steps, start-up and evaluation",
    "demo": "run the whole workflow on built-in data",
    "doctor": "report what is installed and what does not fit together",
}
DOOR = re.compile(r"(?:(?:python|bash) )?(?<![\w/.])tools/(\w+)\.(?:py|sh)")


@contextmanager
def calling(verb: str) -> Iterator[None]:
    """Name commands as ``mmmim VERB`` while a verb runs, and in the processes that it starts."""
    argv, before = sys.argv, os.environ.get(VARIABLE)
    sys.argv = [f"{PROGRAM} {verb}", *argv[2:]]  # what argparse calls the program
    os.environ[VARIABLE] = PROGRAM
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def as_called(text: str) -> str:
    """Return a text with the commands in it as they are called here: ``mmmim train`` in place of ``tools/train.py``.

    They stay as they are where a tool of a clone was called.
    """
    if VARIABLE not in os.environ and f"{os.sep}.mim{os.sep}" not in sys.argv[0]:
        return text
    return DOOR.sub(_verb, text)


def _verb(found: re.Match[str]) -> str:
    verb = found[1].replace("_", "-")
    return f"{PROGRAM} {verb}" if verb in VERBS else found[0]


def program() -> str:
    """Return what the command that runs is called: ``mmmim train``, or ``tools/train.py`` in a clone."""
    called = sys.argv[0]
    if called.startswith(f"{PROGRAM} "):
        return called
    parts = Path(called).parts
    if "tools" not in parts:
        return Path(called).name
    return as_called("/".join(parts[len(parts) - 1 - parts[::-1].index("tools") :]))
