from __future__ import annotations

import logging
import os
import subprocess
from typing import Any

import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mmmim.engine.sharding import is_sharded
from mmmim.errors import UsageError

TORCHRUN_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
SLURM_VARIABLES = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_NODELIST")
SCRIPTS = {
    "pytorch": "tools/dist_train.sh CONFIG GPUS",
    "slurm": "tools/slurm_train.sh PARTITION JOB CONFIG GPUS",
}


@MODEL_WRAPPERS.register_module()
class CPUDistributedDataParallel(MMDistributedDataParallel):
    """DistributedDataParallel on the CPU: without device ids, and with BN for SyncBN, which has no CPU kernel."""

    def __init__(self, module: nn.Module, **kwargs: Any) -> None:
        has_sync = any(isinstance(part, nn.SyncBatchNorm) for part in module.modules())
        if has_sync and dist.get_rank() == 0:
            print_log(
                "SyncBN has no CPU kernel: BN with the statistics of each process is used instead",
                logger="current",
                level=logging.WARNING,
            )
        super().__init__(revert_sync_batchnorm(module), **{**kwargs, "device_ids": None})


def setup_launcher(cfg: Config, launcher: str) -> int:
    """Prepare ``cfg`` and this process for ``Runner.from_cfg``.

    MMEngine sets up CUDA processes. On the CPU the process group (gloo) is created here, because MMEngine would select
    a CUDA device first.

    Returns:
        The number of processes.

    Raises:
        UsageError: ``launcher`` needs environment variables that are not set.
    """
    cfg.launcher = launcher
    processes = num_processes(launcher)
    if launcher != "none" and get_device() == "cpu":
        if launcher == "slurm":
            _torchrun_variables_from_slurm()
        if not dist.is_initialized():
            dist.init_process_group("gloo")
        if not is_sharded(cfg.get("model_wrapper_cfg")):
            cfg.model_wrapper_cfg = dict(
                type="CPUDistributedDataParallel",
                broadcast_buffers=False,
                find_unused_parameters=cfg.get("find_unused_parameters", False),
            )
    return processes


def num_processes(launcher: str) -> int:
    """Return the world size that the launcher's environment variables give."""
    if launcher == "none":
        return 1
    required = TORCHRUN_VARIABLES if launcher == "pytorch" else SLURM_VARIABLES
    missing = [name for name in required if name not in os.environ]
    if missing:
        raise UsageError(
            f"--launcher {launcher}: environment variable(s) {', '.join(missing)} not set; start with "
            f"{SCRIPTS[launcher]}, or leave --launcher out for a single process"
        )
    return int(os.environ["WORLD_SIZE" if launcher == "pytorch" else "SLURM_NTASKS"])


def _torchrun_variables_from_slurm() -> None:
    """Set the variables of torchrun for CPU processes under Slurm, as MMEngine does for GPU processes."""
    if "MASTER_ADDR" not in os.environ:
        nodes = ["scontrol", "show", "hostname", os.environ["SLURM_NODELIST"]]
        os.environ["MASTER_ADDR"] = subprocess.check_output(nodes, text=True).split()[0]
    os.environ.setdefault("MASTER_PORT", "29500")
    os.environ["RANK"] = os.environ["SLURM_PROCID"]
    os.environ["WORLD_SIZE"] = os.environ["SLURM_NTASKS"]
    os.environ["LOCAL_RANK"] = os.environ.get("SLURM_LOCALID", "0")
