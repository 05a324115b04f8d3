"""Two gloo processes against one process with the same global batch, both through the command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
TINY_CCMIM = {
    "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=2, num_heads=2),
    "model.backbone.img_size": 32,
    "model.neck.dims": 16,
    "model.neck.num_heads": 2,
}


def losses_of_both(
    tool, step_losses: Callable, config: Callable[..., Path], tmp_path: Path, **changes: object
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    one = config(**{"train_dataloader.batch_size": 8, "work_dir": str(tmp_path / "one"), **changes})
    two = config(**{"train_dataloader.batch_size": 4, "work_dir": str(tmp_path / "two"), **changes})
    assert tool("train", one) == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = ["bash", str(ROOT / "tools/dist_train.sh"), str(two), "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return step_losses(tmp_path / "one"), step_losses(tmp_path / "two")


def worst_difference(one: list[dict[str, float]], two: list[dict[str, float]]) -> float:
    assert [step["iter"] for step in one] == [step["iter"] for step in two] == [0, 1, 2, 3]
    return max(abs(a[name] / b[name] - 1) for a, b in zip(one, two, strict=True) for name in a if "loss" in name)


def test_mae_does_not_depend_on_the_number_of_processes(tool, toy, step_losses, tmp_path: Path) -> None:
    one, two = losses_of_both(tool, step_losses, toy, tmp_path)
    assert worst_difference(one, two) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "equal"), [("none", True), ("bn", False)])
def test_ccmim_depends_on_it_through_batch_statistics_alone(
    tool, toy, step_losses, tmp_path: Path, norm: str, equal: bool
) -> None:
    def ccmim(**changes: object) -> Path:
        cfg = Config.fromfile(toy(**changes))
        method = Config.fromfile(ROOT / "configs/ccmim/vit-tiny_toy.py")
        method.merge_from_dict({**TINY_CCMIM, "model.projector": dict(norm=norm)})
        cfg.model = method.model
        path = tmp_path / f"ccmim_{cfg.experiment_name}.py"
        cfg.dump(path)
        return path

    one, two = losses_of_both(tool, step_losses, ccmim, tmp_path)
    assert (worst_difference(one, two) < 1e-4) == equal
