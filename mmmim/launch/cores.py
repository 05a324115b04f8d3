from __future__ import annotations

import os
from contextlib import suppress
from math import ceil
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of CPU time in each period, or "max"


def available_cores() -> int:
    """Return the number of CPU cores that this process may use, which a container or a scheduler may limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = QUOTA.read_text(encoding="utf-8").split()
        cores = min(cores, max(1, ceil(int(quota) / int(period))))
    return cores
