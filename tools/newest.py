"""Run the test suite with the oldest and the newest releases that ``pyproject.toml`` admits: ``make newest``.

Arguments after the names of environments go to pytest: ``tools/newest.py oldest tests/models``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "torchvision", "timm", "onedl-mmengine", "onedl-mmcv", "numpy")
VERSIONS = """
import sys
from importlib.metadata import version
print(sys.version.split()[0], *map(version, sys.argv[1:]))
"""


@dataclass(frozen=True)
class Environment:
    """The Python version of an environment, and which release uv picks from each range."""

    python: str
    resolution: str


ENVIRONMENTS = {"oldest": Environment("3.10", "lowest-direct"), "newest": Environment("3.12", "highest")}
# Where to look beside the PATH and uv's own interpreters: pyenv's shims are found there but do not start.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


def find_python(version: str) -> str | None:
    """Return an interpreter of ``version``, downloaded by uv if none is installed, or None if there is none."""
    installed = sorted(PYENV.glob(f"{version}.*/bin/python"))
    if installed:
        return str(installed[-1])
    if subprocess.run(["uv", "python", "find", version], capture_output=True).returncode:
        subprocess.run(["uv", "python", "install", version], capture_output=True)
    found = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None


def install(name: str, environment: Environment, python: str) -> str:
    """Create or renew ``.venv-NAME`` and return its interpreter."""
    folder = ROOT / f".venv-{name}"
    own = folder / "bin/python"
    if not own.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", python, str(folder)], check=True)
    arguments = ["--python", str(own), "--resolution", environment.resolution, "--upgrade", "-e", f"{ROOT}[dev]"]
    subprocess.run(["uv", "pip", "install", "--quiet", "--compile-bytecode", *arguments], check=True)
    return str(own)


def run_suite(python: str, arguments: list[str]) -> tuple[dict[str, int], int]:
    """Run the quick tests and return their counts and pytest's status; the output goes to the terminal as it comes."""
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    last = ""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as tests:
        for line in tests.stdout or ():
            print(line, end="", flush=True)
            last = line if line.strip() else last
    return counts(last), tests.returncode


def counts(line: str) -> dict[str, int]:
    """Return the counts of pytest's last line; ``2 failed, 7 passed in 3s`` gives ``{'failed': 2, 'passed': 7}``."""
    return {what.rstrip("s"): int(n) for n, what in re.findall(r"(\d+) (passed|failed|errors?)\b", line)}


def check(name: str, arguments: list[str]) -> tuple[list[str], bool]:
    """Return the row of an environment in the table, and whether its tests ran and passed."""
    environment = ENVIRONMENTS[name]
    python = find_python(environment.python)
    if python is None:
        return [name, environment.python, *["-"] * len(PACKAGES), "not run: no such Python here", "", ""], False
    try:
        own = install(name, environment, python)
    except subprocess.CalledProcessError:
        return [name, environment.python, *["-"] * len(PACKAGES), "not run: uv could not install", "", ""], False
    versions = subprocess.run(
        [own, "-c", VERSIONS, *PACKAGES], capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"== {name}: " + ", ".join(map(" ".join, zip(("Python", *PACKAGES), versions, strict=True))), flush=True)
    begun = time.monotonic()
    numbers, status = run_suite(own, arguments)
    failed = numbers.get("failed", 0) + numbers.get("error", 0)
    seconds = f"{time.monotonic() - begun:.0f}"
    return [name, *versions, str(numbers.get("passed", 0)), str(failed), seconds], status == 0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the names of environments, and the other words, which are pytest's."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"%(prog)s [-h] [{'|'.join(ENVIRONMENTS)} ...] [ARGUMENT OF PYTEST ...]",
        allow_abbrev=False,
    )
    words = parser.parse_known_args(argv)[1]
    names = [word for word in words if word in ENVIRONMENTS] or list(ENVIRONMENTS)
    return argparse.Namespace(names=names, rest=[word for word in words if word not in ENVIRONMENTS])


def main(argv: list[str] | None = None) -> int:
    """Run the suite in every environment, print a table and return 1 where one did not pass."""
    args = parse_args(argv)
    answers = [check(name, args.rest) for name in args.names]
    head = ["releases", "Python", *PACKAGES, "passed", "failed", "seconds"]
    print(
        "\n" + "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *(r for r, _ in answers)))
    )
    return 0 if all(passed for _, passed in answers) else 1


if __name__ == "__main__":
    sys.exit(main())
