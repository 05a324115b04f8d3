"""Tell the place of this process among those of a run; nothing here imports torch."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any


def close_launcher() -> None:
    """Leave the process group and end its threads.

    The wrapped model is part of a reference cycle and keeps the group alive; a gloo thread that is still there when the
    interpreter ends can abort the process.
    """
    dist: Any = sys.modules.get("torch.distributed")
    if dist is not None and dist.is_available() and dist.is_initialized():
        gc.collect()
        dist.destroy_process_group()


def process_id() -> str:
    """Return the rank of this process, which is known before the process group exists."""
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))


def is_first_process() -> bool:
    """Return whether this process may print."""
    return process_id() == "0"
