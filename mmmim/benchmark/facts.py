from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "mmmim",
    "torch",
    "torchvision",
    "timm",
    "onedl-mmengine",
    "simplejpeg",
    "pillow",
    "numpy",
    "onedl-mmpretrain",
)


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, cores, load, devices, versions and the day."""
    import torch

    found: dict[str, Any] = dict(
        date=datetime.date.today().isoformat(),
        processor=_processor(),
        cores=os.cpu_count(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        python=platform.python_version(),
        devices=[torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    )
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
