"""Report what is installed, what fits together and what does not. The exit status is 1 where something cannot work.

python tools/doctor.py
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import run_tool

# import name -> (distribution mmmim is tested with, classic distributions of the same import name)
OPENMMLAB = {
    "mmengine": ("onedl-mmengine", ["mmengine", "mmengine-lite"]),
    "mmcv": ("onedl-mmcv", ["mmcv", "mmcv-lite", "mmcv-full"]),
    "mmseg": ("onedl-mmsegmentation", ["mmsegmentation"]),
    "mmdet": ("onedl-mmdetection", ["mmdet"]),
}
OPTIONAL = {"mmseg": "seg", "mmdet": "det"}
TWO_OPENCV = (
    "opencv-python and opencv-python-headless share the folder cv2; this works as long as the machine has libGL. Keep "
    "the headless build alone: pip uninstall -y opencv-python opencv-python-headless && pip install "
    "opencv-python-headless"
)
problems: list[str] = []


def say(mark: str, text: str) -> None:
    """Print a line, and remember it where it is a problem."""
    print(f"[{mark:^7}] {text}")
    if mark == "problem":
        problems.append(text)


def installed(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def check_python() -> None:
    """Check the version of Python."""
    fits = (3, 10) <= sys.version_info[:2] <= (3, 12)
    say("ok" if fits else "problem", f"Python {sys.version.split()[0]} (3.10, 3.11 or 3.12)")


def check_torch() -> None:
    """Check that torch and torchvision are of the same release."""
    import torch

    pair = f"torch {torch.__version__} with torchvision {installed('torchvision')}"
    try:
        import torchvision  # fails here if it is of another release

        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    except Exception as error:
        say("problem", f"{pair} do not fit together ({error}); install two that were released together")
    else:
        say("ok", pair)


def check_imports() -> None:
    """Check that the other libraries can be imported."""
    for name in ("timm", "sklearn", "matplotlib", "cv2"):
        try:
            say("ok", f"{name} {importlib.import_module(name).__version__}")
        except ImportError as error:
            say("problem", f"{name} cannot be imported: {error}")


def check_openmmlab() -> None:
    """Check that each OpenMMLab package is installed once, by its fork or by its classic distribution."""
    for name, (fork, classics) in OPENMMLAB.items():
        ours, theirs = installed(fork), [c for c in classics if installed(c)]
        found = [f"{distribution} {installed(distribution)}" for distribution in ([fork] if ours else []) + theirs]
        if len(found) > 1:
            say("problem", f"{' and '.join(found)} all install `{name}`; keep one: pip uninstall {' '.join(theirs)}")
        elif ours:
            say("ok", f"{name}: {found[0]}")
        elif theirs:
            say("note", f"{name}: {found[0]}; tested with {fork}, see docs/dependencies.md")
        elif name in OPTIONAL:
            say("note", f"{name} is not installed; its tasks need pip install 'mmmim[{OPTIONAL[name]}]'")
        else:
            say("problem", f"{name} is not installed: pip install {fork}")


def check_operators() -> None:
    """Report which operators mmcv has, and whether OpenCV is installed twice."""
    compiled = any(file for folder in sys.path for file in Path(folder, "mmcv").glob("_ext*.so"))
    how = "compiled" if compiled else "not compiled; NMS and RoIAlign come from torchvision (enough for Mask R-CNN)"
    say("ok", f"mmcv operators: {how}")
    if installed("opencv-python") and installed("opencv-python-headless"):
        say("note", TWO_OPENCV)


def check_machine() -> None:
    """Report cores, disk space, shared memory and GPUs."""
    import torch

    free = shutil.disk_usage(Path.cwd()).free / 2**30
    say("ok" if free > 5 else "note", f"{os.cpu_count()} CPU cores, {free:.0f} GiB free on this disk")
    if Path("/dev/shm").is_dir():
        shared = shutil.disk_usage("/dev/shm").total / 2**30
        hint = "" if shared >= 1 else "; too little may kill loader workers; start Docker with --shm-size=8g"
        say("ok" if shared >= 1 else "note", f"{shared:.1f} GiB of shared memory{hint}")
    if not torch.cuda.is_available():
        say("note", "no CUDA device: toy configs run on the CPU, the full recipes need GPUs")
    else:
        nccl = ".".join(map(str, torch.cuda.nccl.version()))
        say("ok", f"CUDA {torch.version.cuda} in torch, NCCL {nccl}")
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            bf16 = "bf16" if torch.cuda.is_bf16_supported() else "no bf16: set optim_wrapper.dtype=float16"
        say("ok", f"GPU {index}: {device.name}, {device.total_memory / 2**30:.0f} GiB, {bf16}")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line, which has no options."""
    return CommandParser(description=__doc__).parse_args(argv)


def run(args: argparse.Namespace) -> bool:
    """Run all checks and return whether there is a problem."""
    problems.clear()
    checks: list[Callable[[], None]] = [
        check_python,
        check_torch,
        check_imports,
        check_openmmlab,
        check_operators,
        check_machine,
    ]
    for check in checks:
        try:
            check()
        except (ImportError, OSError) as error:  # a missing shared library raises an OSError
            say("problem", str(error))
    print(f"\n{len(problems)} problem(s)" if problems else "\nEverything fits together.")
    return bool(problems)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status, 1 where something cannot work."""
    return run_tool(run, parse_args(argv))
