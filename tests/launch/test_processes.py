from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from torch import nn

from mmmim.errors import UsageError
from mmmim.launch.process import close_launcher
from mmmim.launch.processes import (
    SLURM_VARIABLES,
    TORCHRUN_VARIABLES,
    CPUDistributedDataParallel,
    setup_launcher,
)


@pytest.fixture
def gloo(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    close_launcher()
    assert not dist.is_initialized()


def test_sync_batch_norm_becomes_batch_norm(gloo: None) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.SyncBatchNorm(4), nn.ReLU())
    weight = module[1].weight
    model = CPUDistributedDataParallel(module, broadcast_buffers=False)
    images = torch.randn(2, 3, 5, 5)
    out = model(images)
    out.sum().backward()
    expected = nn.functional.batch_norm(module[0](images), None, None, training=True).relu()
    torch.testing.assert_close(out, expected)
    assert weight is model.module[1].weight and weight.grad is not None


def test_single_process_changes_nothing() -> None:
    cfg = Config(dict(model=dict(type="Any")))
    assert setup_launcher(cfg, "none") == 1
    assert cfg.launcher == "none" and "model_wrapper_cfg" not in cfg


@pytest.mark.parametrize(
    ("launcher", "variables", "script"),
    [
        ("pytorch", TORCHRUN_VARIABLES, "tools/dist_train.sh CONFIG GPUS"),
        ("slurm", SLURM_VARIABLES, "tools/slurm_train.sh PARTITION JOB CONFIG GPUS"),
    ],
)
def test_missing_environment_is_one_error(
    launcher: str, variables: tuple[str, ...], script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables[1:]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variables[0], "0")
    with pytest.raises(UsageError) as caught:
        setup_launcher(Config(), launcher)
    assert script in str(caught.value) and f"variable(s) {', '.join(variables[1:])} not set" in str(caught.value)


def test_cpu_processes_under_slurm(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setattr("mmmim.launch.processes.get_device", lambda: "cpu")
    settings = dict(SLURM_PROCID="0", SLURM_NTASKS="1", SLURM_NODELIST="node[1-2]", SLURM_LOCALID="0")
    settings |= dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port))
    for name, value in {**settings, **dict.fromkeys(("RANK", "WORLD_SIZE", "LOCAL_RANK"), "")}.items():
        monkeypatch.setenv(name, value)
    cfg = Config(dict(find_unused_parameters=True))
    try:
        assert setup_launcher(cfg, "slurm") == 1
        assert dist.get_backend() == "gloo"
        assert cfg.model_wrapper_cfg.type == "CPUDistributedDataParallel"
        assert cfg.model_wrapper_cfg.find_unused_parameters is True
    finally:
        close_launcher()
