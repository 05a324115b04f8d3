"""Call the commands of mmmim by one name: mmmim VERB ..., the same as python tools/VERB.py ... in a clone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module

from mmmim.commands.command_line import PROGRAM, CommandParser
from mmmim.config.folder import project_folder
from mmmim.errors import did_you_mean
from mmmim.version import __version__

VERBS = {
    "train": "train any config: pre-training, probing, fine-tuning, segmentation, detection",
    "test": "test the checkpoint of a classification, segmentation or detection config",
    "dist-train": "train with several processes: CONFIG GPUS ...",
    "dist-test": "test with several processes: CONFIG CKPT GPUS ...",
    "probe": "train a linear classifier on frozen features",
    "knn": "classify by the nearest neighbours of frozen features",
    "embed": "write the features of a folder of images as a table",
    "list-models": "list the shipped models",
    "export": "write an encoder for other libraries",
    "convert": "read a checkpoint of the authors' code",
    "visualize": "draw reconstructions, masks, attention, losses",
    "pack": "pack images for fast reading",
    "print-config": "print a config as it takes effect",
    "reproduce": "run the tables of the papers",
    "replay": "take a step of a run again and name what is not finite",
    "benchmark": "measure data, steps, start-up and evaluation",
    "demo": "run the whole workflow on built-in data",
    "doctor": "report what is installed and what does not fit together",
}
SCRIPTS = ("dist-train", "dist-test")


def usage() -> str:
    """Return the help text of ``mmmim``."""
    lines = [f"  {verb:13} {line}" for verb, line in VERBS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} VERB ...    ({PROGRAM} VERB --help explains a verb)",
            "",
            f"mmmim {__version__}: self-supervised pre-training by masked and corrupted image modelling",
            "",
            *lines,
            "",
            "examples:",
            f"  {PROGRAM} demo",
            f"  {PROGRAM} train mae/vit-tiny_toy --data DIR --epochs 20",
            f"  {PROGRAM} knn mae/vit-tiny_toy work_dirs/mae/vit-tiny_toy",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Run a verb and return its exit status."""
    if "_ARGCOMPLETE" in os.environ:
        return _complete()
    verb, *words = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if verb in ("-h", "--help", "--version"):
        print(__version__ if verb == "--version" else usage())
        return 0
    if verb not in VERBS:
        print(f"{PROGRAM}: error: {verb!r} is no verb{did_you_mean(verb, VERBS)}", file=sys.stderr)
        print(f"{PROGRAM} --help lists them", file=sys.stderr)
        return 2
    if verb in SCRIPTS:
        return _run_script(verb, words)
    sys.argv = [f"{PROGRAM} {verb}", *words]  # what the help of the verb calls itself
    run: Callable[[list[str]], int] = import_module(f"mmmim.commands.{verb.replace('-', '_')}").main
    return run(words)


def _complete() -> int:
    """Complete the verb, or let the verb complete its own words, for the line that argcomplete gives."""
    words = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])].split(" ")
    if len(words) > 2 and words[1] in VERBS and words[1] not in SCRIPTS:
        os.environ["_ARGCOMPLETE"] = "2"  # number of words that are not the parser's
        return import_module(f"mmmim.commands.{words[1].replace('-', '_')}").main([])
    parser = CommandParser(prog=PROGRAM)
    parser.add_argument("verb", choices=VERBS)
    parser.parse_args()
    return 0


def _run_script(verb: str, words: list[str]) -> int:
    script = project_folder() / "tools" / f"{verb.replace('-', '_')}.sh"
    os.environ.setdefault("PYTHON", sys.executable)
    os.environ["MMMIM_CALLED_AS"] = f"{PROGRAM} {verb}"
    sys.stdout.flush()
    os.execvp("bash", ["bash", str(script), *words])
