"""Collect what a figure depends on beside the config: versions, the commit of the code, processor and devices."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "mmmim",
    "torch",
    "torchvision",
    "timm",
    "onedl-mmengine",
    "onedl-mmsegmentation",
    "onedl-mmdetection",
    "simplejpeg",
    "pillow",
    "numpy",
)


def versions(more: Sequence[str] = ()) -> dict[str, str]:
    """Return the versions of Python and of those packages that matter for numbers or speed and are installed.

    Args:
        more: Names of further packages.
    """
    found = {"python": platform.python_version()}
    for name in (*PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def code_commit() -> str | None:
    """Return the short hash of the code, with ``+`` where tracked files differ from it; None outside a clone."""
    package = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=package, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # an installed package may lie in another repository
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """Return the name of the processor, or its architecture where it has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def device_names() -> list[str]:
    """Return the names of the GPUs."""
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def device_name() -> str:
    """Return the name of the current GPU, or the architecture of the processor where there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {platform.machine()}"
