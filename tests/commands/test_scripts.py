"""The shell scripts: the commands they would run, and what they refuse."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = "configs/ccmim/vit-b_800e.py"
SETTINGS = ("NNODES", "NODE_RANK", "MASTER_ADDR", "PORT", "GPUS_PER_NODE", "CPUS_PER_TASK", "SRUN_ARGS", "LOCAL_GPUS")


def script(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key not in (*SETTINGS, "DRY", "OMP_NUM_THREADS")}
    return subprocess.run(
        ["bash", f"tools/{name}", *arguments],
        cwd=ROOT,
        env={**inherited, "DRY": "1", "PYTHON": "python3", "LOCAL_GPUS": "8", **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )


def command(name: str, *arguments: str, **environment: str) -> str:
    done = script(name, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().replace(f"{ROOT}/", "")


def refusal(name: str, *arguments: str, **environment: str) -> str:
    done = script(name, *arguments, **environment)
    assert done.returncode == 2 and done.stdout == "", done
    return done.stderr


def test_one_node() -> None:
    line = command("dist_train.sh", CONFIG, "8", "--amp", "bf16", PORT="29501")
    assert line == (
        "python3 tools/launch.py --nodes 1 --node-rank 0 --processes 8 --master-addr 127.0.0.1 --port 29501 "
        f"tools/train.py {CONFIG} --launcher pytorch --amp bf16"
    )


def test_gpus_is_the_total_over_the_nodes() -> None:
    line = command("dist_train.sh", CONFIG, "32", NNODES="4", NODE_RANK="2", MASTER_ADDR="node0")
    assert "--nodes 4 --node-rank 2 --processes 8 --master-addr node0 tools/train.py" in line


def test_dist_test_hands_the_checkpoint_on() -> None:
    line = command("dist_test.sh", CONFIG, "epoch 1.pth", "2", "--out", "a.json")
    assert line.endswith(rf"tools/test.py {CONFIG} epoch\ 1.pth --launcher pytorch --out a.json")


def test_a_dry_run_is_one_process() -> None:
    expected = f"python3 tools/train.py {CONFIG} --dry-run --world-size 32"
    assert command("dist_train.sh", CONFIG, "32", "--dry-run", LOCAL_GPUS="0") == expected
    assert command("slurm_train.sh", "gpu", "job", CONFIG, "32", "--dry-run") == expected
    given = command("dist_train.sh", CONFIG, "32", "--dry-run", "--world-size", "64")
    assert given == f"python3 tools/train.py {CONFIG} --dry-run --world-size 64"


@pytest.mark.parametrize(
    ("gpus", "environment", "expected"),
    [
        ("none", {}, "GPUS is 'none': expected a whole number"),
        ("0", {}, "GPUS is '0'"),
        ("16", {}, "16 processes on this node, which has 8 GPU(s): ask for GPUS=8, or for more nodes with NNODES"),
        ("9", {"NNODES": "2", "MASTER_ADDR": "a"}, "9 cannot be divided over NNODES=2 nodes"),
        ("8", {"NNODES": "2"}, "NNODES=2 needs MASTER_ADDR"),
        ("8", {"NNODES": "2", "NODE_RANK": "2", "MASTER_ADDR": "a"}, "NODE_RANK is '2': expected 0 to 1"),
        ("8", {"NNODES": "two"}, "NNODES is 'two'"),
        ("8", {"PORT": "http"}, "PORT is 'http'"),
        ("4000", {"LOCAL_GPUS": "0"}, "4000 processes on this node, which has no GPU"),
        ("4", {"LOCAL_GPUS": "", "CUDA_VISIBLE_DEVICES": "0,3"}, "which has 2 GPU(s)"),
    ],
)
def test_numbers_that_do_not_fit(gpus: str, environment: dict[str, str], expected: str) -> None:
    assert expected in refusal("dist_train.sh", CONFIG, gpus, **environment)


def test_more_processes_than_cores_are_allowed_with_a_warning() -> None:
    cores = os.sysconf("SC_NPROCESSORS_ONLN")
    done = script("dist_train.sh", CONFIG, str(2 * cores), LOCAL_GPUS="", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0 and "good for trying out only" in done.stderr


def test_missing_arguments() -> None:
    assert "usage: tools/dist_train.sh CONFIG GPUS" in refusal("dist_train.sh", CONFIG)
    assert "usage: tools/dist_test.sh CONFIG CKPT GPUS" in refusal("dist_test.sh", CONFIG, "2")
    assert "usage: tools/slurm_train.sh PARTITION JOB CONFIG GPUS" in refusal("slurm_train.sh", "gpu", "job", CONFIG)


def test_slurm() -> None:
    line = command("slurm_train.sh", "gpu", "pretrain", CONFIG, "16", "--resume", "auto", SRUN_ARGS="--time=1:00 -A me")
    assert line == (
        "srun --partition=gpu --job-name=pretrain --gres=gpu:8 --ntasks=16 --ntasks-per-node=8 --cpus-per-task=8 "
        "--kill-on-bad-exit=1 --time=1:00 -A me "
        f"python3 -u tools/train.py {CONFIG} --launcher slurm --resume auto"
    )
    assert "--gres=gpu:4 --ntasks=4 --ntasks-per-node=4" in command("slurm_train.sh", "gpu", "job", CONFIG, "4")
    line = command("slurm_test.sh", "gpu", "job", CONFIG, "a.pth", "8", GPUS_PER_NODE="4", CPUS_PER_TASK="6")
    assert "--gres=gpu:4 --ntasks=8 --ntasks-per-node=4 --cpus-per-task=6" in line
    assert line.endswith(f"tools/test.py {CONFIG} a.pth --launcher slurm")
    assert "12 is no multiple of GPUS_PER_NODE=8" in refusal("slurm_train.sh", "gpu", "job", CONFIG, "12")


def test_missing_config_is_named_by_the_tool_before_anything_starts() -> None:
    done = script("dist_train.sh", "configs/none.py", "4")
    assert done.returncode == 2
    assert done.stdout.strip() == f"python3 {ROOT}/tools/train.py configs/none.py"


@pytest.mark.parametrize("path", sorted((ROOT / "tools").glob("*.sh")), ids=lambda path: path.name)
def test_syntax(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
