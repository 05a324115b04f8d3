from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from mmmim.errors import did_you_mean

PROGRAM = "mmmim"
DOOR = re.compile(r"(?:python )?tools/(\w+)\.(?:py|sh)")


class CommandParser(argparse.ArgumentParser):
    """A parser of a command line, whose help begins with the command's docstring as it stands in the source.

    A misspelt option or choice is answered with the one that it resembles. A shell completes words with argcomplete.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **kwargs})

    def add_config(self, help: str | None = None) -> None:
        """Add the argument CONFIG, which is a path or the name of a shipped config."""
        action: Any = self.add_argument("config", help=help or "path or name, such as mae/vit-tiny_toy")
        action.completer = complete_config

    def add_cfg_options(self) -> None:
        """Add ``--cfg-options``, which becomes a dict of changes to a config."""
        self.add_argument(
            "--cfg-options", nargs="+", action=KeyValues, default={}, metavar="KEY=VALUE", help="changes to CONFIG"
        )

    def add_launcher(self) -> None:
        """Add the options with which a launcher starts the processes of a run."""
        self.add_argument("--launcher", choices=("none", "pytorch", "slurm"), default="none")
        self.add_argument("--local-rank", type=int, help=argparse.SUPPRESS)  # given by older torch launchers

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        if "_ARGCOMPLETE" in os.environ:
            import argcomplete

            argcomplete.autocomplete(self)
        return super().parse_args(args, namespace)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the parsed words, and exit with an error if a word is unknown."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = re.findall(r"(?<!\w)--[\w-]+", self.format_help())
            misspelt = next((word.partition("=")[0] for word in unknown if word.startswith("--")), "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(misspelt, options)}")
        return found, unknown

    def format_help(self) -> str:
        return as_called(super().format_help())

    def error(self, message: str) -> Any:
        if found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += did_you_mean(found[1], re.findall(r"[\w-]+", found[2]))
        super().error(as_called(message))


def as_called(text: str) -> str:
    """Return a text in which commands are named as they were called: ``mmmim train`` instead of ``tools/train.py``."""
    if not sys.argv[0].startswith(f"{PROGRAM} "):
        return text
    return DOOR.sub(lambda found: f"{PROGRAM} {found[1].replace('_', '-')}", text)


def complete_config(prefix: str, **_: Any) -> list[str]:
    """Return the names of shipped configs that begin with ``prefix``, and the files of the current folder."""
    from argcomplete.completers import FilesCompleter

    from mmmim.config.find import config_names

    return [*config_names(), *FilesCompleter(["py"])(prefix)]


class KeyValues(argparse.Action):
    """MMEngine's ``DictAction``, which is imported where the option is given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the words ``KEY=VALUE`` to the option's dict."""
        for word in values or ():
            if "=" not in word:
                raise argparse.ArgumentError(self, f"{word!r} is not of the form KEY=VALUE")
        from mmengine.config import DictAction

        try:
            DictAction(self.option_strings, self.dest)(parser, namespace, values, option_string)
        except AssertionError as error:  # brackets that are not closed
            raise argparse.ArgumentError(self, str(error)) from None
