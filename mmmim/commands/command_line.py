from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from mmmim.called import as_called, program
from mmmim.errors import did_you_mean

DATA, RUN, MODEL, WATCH, MACHINE, OUTPUT = "data", "run", "model", "watch", "machine", "output"


class CommandParser(argparse.ArgumentParser):
    """A parser of a command line, whose help begins with the command's docstring as it stands in the source.

    Commands in its texts are named as they are called here. A misspelt option or choice is answered with the one that
    it resembles, and a shell can complete words with argcomplete.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.old_names: dict[str, str] = {}
        defaults = dict(formatter_class=argparse.RawDescriptionHelpFormatter, prog=program())
        super().__init__(*args, **{**defaults, **kwargs})

    def group(self, title: str) -> argparse._ArgumentGroup:
        """Return the group of options with this title, which is made where it is new."""
        return next((group for group in self._action_groups if group.title == title), None) or self.add_argument_group(
            title
        )

    def add_config(self, *names: str, help: str = "path or name, such as mae/vit-tiny_toy", **options: Any) -> None:
        """Add the argument CONFIG, which is a path or the name of a shipped config."""
        action: Any = self.add_argument(*(names or ("config",)), metavar="CONFIG", help=help, **options)
        action.completer = complete_config

    def add_cfg_options(self) -> None:
        """Add ``--cfg-options``, which becomes a dict of changes to a config."""
        self.group(RUN).add_argument(
            "--cfg-options", nargs="+", action=KeyValues, default={}, metavar="KEY=VALUE", help="changes to CONFIG"
        )

    def add_work_dir(self) -> None:
        """Add ``--work-dir``, the folder of a run."""
        self.group(OUTPUT).add_argument(
            "--work-dir", metavar="DIR", help="default: work_dirs/ and the config's path below configs/"
        )

    def add_launcher(self) -> None:
        """Add the options with which a launcher starts the processes of a run."""
        machine = self.group(MACHINE)
        machine.add_argument(
            "--launcher",
            choices=("none", "pytorch", "slurm"),
            default="none",
            help="what started the processes; tools/dist_train.sh and tools/slurm_train.sh give it",
        )
        machine.add_argument("--local-rank", type=int, help=argparse.SUPPRESS)  # given by older torch launchers

    def add_old_name(self, old: str, new: str) -> None:
        """Accept the option ``new`` by a name that it had before, which is kept for one release."""
        self.old_names[old] = new
        self._option_string_actions[old] = self._option_string_actions[new]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the parsed words, or complete them where a shell asks for it."""
        if "_ARGCOMPLETE" in os.environ:
            import argcomplete

            argcomplete.autocomplete(self)
        return super().parse_args(args, namespace)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the parsed words, and exit with an error if a word is unknown."""
        words = sys.argv[1:] if args is None else list(args)
        for old, new in self.old_names.items():
            if any(word.partition("=")[0] == old for word in words):
                print(f"{self.prog}: {old} is now {new}; its old name goes with the next release", file=sys.stderr)
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:
            misspelt = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
            known = [name for action in self._actions for name in action.option_strings if _is_shown(action)]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(misspelt, known, 0.7)}")
        return found, unknown

    def format_help(self) -> str:
        """Return the help text."""
        return as_called(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the command line, and exit."""
        if found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += did_you_mean(found[1], re.findall(r"[\w-]+", found[2]))
        super().error(as_called(message))


def _is_shown(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS


def complete_config(prefix: str, **_: Any) -> list[str]:
    """Return the names of shipped configs that begin with ``prefix``, and the files of the current folder."""
    from argcomplete.completers import FilesCompleter

    from mmmim.config.find import config_names

    below = "configs/" if prefix.startswith("configs/") else ""
    return [*(f"{below}{name}{'.py' if below else ''}" for name in config_names()), *FilesCompleter(["py"])(prefix)]


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
