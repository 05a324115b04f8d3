"""Call the commands of mmmim by one name: mmmim VERB ..., the same as python tools/VERB.py ... in a clone."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from mmmim.called import PROGRAM, VERBS, calling
from mmmim.commands import scripts
from mmmim.commands.command_line import CommandParser
from mmmim.commands.terminal import print_in_any_locale, quiet_where_nobody_reads
from mmmim.errors import did_you_mean
from mmmim.version import __version__

COMPLETION = "completion"
SHELLS = ("bash", "zsh")
EXAMPLES = """examples:
  {0} demo
  {0} train mae/vit-tiny_toy
  {0} train mae/vit-b_800e --data DIR
  {0} knn mae/vit-tiny_toy work_dirs/mae/vit-tiny_toy
  eval "$({0} completion bash)"     completes verbs, options and names of configs; also zsh"""


def verbs() -> dict[str, str]:
    """Return the verbs and what they do."""
    folder = Path(__file__).parent
    return {
        verb: line
        for verb, line in VERBS.items()
        if verb in scripts.VERBS or (folder / f"{module_name(verb)}.py").is_file()
    }


def module_name(verb: str) -> str:
    """Return the name of the module that runs a verb."""
    return verb.replace("-", "_")


def run_verb(verb: str, words: list[str]) -> int:
    """Run a verb with the words after it and return its exit status."""
    with calling(verb):
        if verb in scripts.VERBS:
            return scripts.main(verb, words)
        return import_module(f"mmmim.commands.{module_name(verb)}").main(words)


def usage() -> str:
    """Return the help text of ``mmmim``."""
    lines = [f"  {verb:13} {line}" for verb, line in verbs().items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} VERB ...        {PROGRAM} VERB --help explains a verb",
            "",
            f"mmmim {__version__}: self-supervised pre-training by masked and corrupted image modelling",
            "",
            *lines,
            f"  {COMPLETION:13} print what makes a shell complete words: bash or zsh",
            "",
            EXAMPLES.format(PROGRAM),
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Run a verb and return its exit status."""
    if "_ARGCOMPLETE" in os.environ and find_spec("argcomplete"):
        return _complete()
    print_in_any_locale()
    with quiet_where_nobody_reads():
        return _run(argv)


def _run(argv: list[str] | None) -> int:
    verb, *words = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if verb in ("-h", "--help", "--version"):
        print(__version__ if verb == "--version" else usage())
        return 0
    if verb == COMPLETION:
        return _print_completion(words)
    known = verbs()
    if verb not in known:
        what = "option" if verb.startswith("-") else "verb"
        print(f"{PROGRAM}: error: there is no {what} {verb}{did_you_mean(verb, known)}", file=sys.stderr)
        print(f"{PROGRAM} --help lists the verbs", file=sys.stderr)
        return 2
    return run_verb(verb, words)


def _print_completion(words: list[str]) -> int:
    parser = CommandParser(prog=f"{PROGRAM} {COMPLETION}", description=f'eval "$({PROGRAM} {COMPLETION} bash)"')
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(words).shell
    if not find_spec("argcomplete"):
        parser.error("argcomplete is missing: pip install argcomplete")
    import argcomplete

    print(argcomplete.shellcode([PROGRAM], shell=shell))
    return 0


def _complete() -> int:
    """Complete the verb, or let the verb complete its own words, for the line that argcomplete gives."""
    line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode(errors="ignore")
    words = [*line.split(), *([""] if line.endswith(" ") else [])]
    if len(words) > 2 and words[1] in verbs():
        os.environ["_ARGCOMPLETE"] = "2"  # the first words are the program: mmmim VERB
        return run_verb(words[1], [])
    parser = CommandParser(prog=PROGRAM)
    parser.add_argument("verb", choices=[*verbs(), COMPLETION])
    parser.parse_args()
    return 0
