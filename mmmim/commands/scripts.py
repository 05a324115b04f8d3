"""Start the processes of a run: mmmim dist-train and its relatives, which are the scripts in ``tools/``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from mmmim.called import PROGRAM
from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import run_tool
from mmmim.config.folder import tools_folder
from mmmim.errors import UsageError

DIST = """{about} with several processes of torchrun, on this machine or on each of several.

{program} {verb} {example} 8
NNODES=4 NODE_RANK=0 MASTER_ADDR=HOST {program} {verb} {example} 32

GPUS is the number of processes on all machines together. On several machines, give the command on each of them with its
own NODE_RANK. PORT chooses a port; --max-restarts N starts a failed run again from its newest checkpoint.
"""
SLURM = """{about} with several processes under Slurm.

{program} {verb} PARTITION JOB {example} 32

GPUS is the number of processes on all machines together; GPUS_PER_NODE (8), CPUS_PER_TASK (8) and SRUN_ARGS go to srun.
"""
ABOUT = {"train": "Train", "test": "Evaluate a checkpoint"}
EXAMPLES = {"train": "ccmim/vit-b_800e", "test": "ccmim/downstream/ft_vit-b_100e_in1k CKPT"}
VERBS = ("dist-train", "dist-test", "slurm-train", "slurm-test")


def make_parser(verb: str) -> CommandParser:
    """Return the parser of one of the verbs, which leaves the words of the run as they are."""
    launcher, task = verb.split("-")
    text = (DIST if launcher == "dist" else SLURM).format(
        about=ABOUT[task], example=EXAMPLES[task], program=PROGRAM, verb=verb
    )
    parser = CommandParser(description=text)
    if launcher == "slurm":
        parser.add_argument("partition", metavar="PARTITION")
        parser.add_argument("job", metavar="JOB", help="name of the job")
    parser.add_config()
    if task == "test":
        parser.add_argument("checkpoint", metavar="CKPT")
    parser.add_argument("gpus", metavar="GPUS", help="number of processes")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help=f"options of {PROGRAM} {task}")
    return parser


def main(verb: str, words: list[str]) -> int:
    """Become the script of the verb; return the exit status where it cannot be started."""
    make_parser(verb).parse_args(words)
    return run_tool(run, verb, words)


def run(verb: str, words: list[str]) -> None:
    """Become the script of the verb, with the words of its command line."""
    if shutil.which("bash") is None:
        raise UsageError(f"{PROGRAM} {verb} needs bash, which is not on the PATH")
    script = tools_folder() / f"{verb.replace('-', '_')}.sh"
    sys.stdout.flush()
    os.execvpe("bash", ["bash", str(script), *words], {"PYTHON": sys.executable, **os.environ})
