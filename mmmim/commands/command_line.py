from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class CommandParser(argparse.ArgumentParser):
    """A parser of a command line, whose help begins with the command's docstring as it stands in the source."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **kwargs})

    def add_cfg_options(self) -> None:
        """Add ``--cfg-options``, which becomes a dict of changes to a config."""
        self.add_argument(
            "--cfg-options", nargs="+", action=KeyValues, default={}, metavar="KEY=VALUE", help="changes to CONFIG"
        )

    def add_launcher(self) -> None:
        """Add the options with which a launcher starts the processes of a run."""
        self.add_argument("--launcher", choices=("none", "pytorch", "slurm"), default="none")
        self.add_argument("--local-rank", type=int, help=argparse.SUPPRESS)  # given by older torch launchers


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
