"""Call doors in this process while every import of a library fails: ``door_imports.py ROOT CALLS``, both as JSON.

A call is a list of words, of which the first is the door. Prints how each one ended: its status, what it printed, and
the library that it asked for.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any


class NoLibraries(MetaPathFinder):
    """Refuses every module of an installed library, and remembers the first one."""

    libraries = packages_distributions().keys() - {"mmmim"}

    def __init__(self) -> None:
        self.asked: str | None = None

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> None:
        """Raise an ImportError for a module of a library."""
        if name.partition(".")[0] in self.libraries:
            self.asked = self.asked or name
            raise ImportError(f"{name} is imported")


def call(words: list[str]) -> dict[str, Any]:
    """Return how a door ends that is called with these words."""
    finder = NoLibraries()
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    sys.argv = words
    sys.meta_path.insert(0, finder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as stop:
        status = stop.code or 0
    except ImportError as error:
        status = str(error)
    finally:
        sys.meta_path.remove(finder)
    return dict(status=status, out=out.getvalue(), err=err.getvalue(), library=finder.asked)


def main() -> None:
    """Print the ends of all calls."""
    root, calls = map(json.loads, sys.argv[1:])
    sys.path.insert(0, str(Path(root)))
    print(json.dumps([call(words) for words in calls]))


if __name__ == "__main__":
    main()
