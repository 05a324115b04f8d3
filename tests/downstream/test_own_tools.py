"""The shipped dense configs under other launchers: mmseg's and mmdet's own tools, and two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from dense_run import DOWNSTREAM, ROOT

pytestmark = pytest.mark.slow
STEPS = {
    "upernet": ("train_cfg.max_iters=2", "train_cfg.val_interval=2"),
    "mask-rcnn": ("train_cfg.max_epochs=1", "train_cfg.val_interval=1"),
}


def small_data(task: str, root: Path) -> list[str]:
    changed = []
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        prepare = dict(root=root, num_train=4, num_val=2)
        changed += [f"{loader}.dataset.prepare.{key}={value}" for key, value in prepare.items()]
        changed.append(f"{loader}.dataset.dataset.data_root={root}/")
    if task == "mask-rcnn":
        changed += [f"{kind}_evaluator.ann_file={root}/annotations/instances_val.json" for kind in ("val", "test")]
    return changed


def run(command: list[str], folder: Path) -> str:
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
    return result.stdout + result.stderr


@pytest.mark.parametrize(("package", "task"), [("mmseg", "upernet"), ("mmdet", "mask-rcnn")])
def test_the_frameworks_own_tools(package: str, task: str, pretrained: Path, tmp_path: Path) -> None:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    tool = Path(spec.origin).parent / ".mim" / "tools" / "train.py"
    options = [*STEPS[task], *small_data(task, tmp_path / "data"), f"model.backbone.init_cfg.checkpoint={pretrained}"]
    config = str(DOWNSTREAM / f"{task}_vit-tiny_toy.py")
    output = run(
        [sys.executable, str(tool), config, "--work-dir", str(tmp_path / "run"), "--cfg-options", *options], tmp_path
    )
    report = json.loads((tmp_path / "run" / "pretrained_report.json").read_text(encoding="utf-8"))
    loaded, expected = report["loaded_of_expected"].split("/")
    assert loaded == expected and report["line"] in output


@pytest.mark.parametrize("task", ["upernet", "mask-rcnn"])
def test_two_processes(
    task: str, pretrained: Path, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No unused parameters, BN for SyncBN, the same report on every rank."""
    options = [*STEPS[task], *small_data(task, tmp_path / "data"), "train_dataloader.batch_size=2"]
    command = ["bash", str(ROOT / "tools" / "dist_train.sh"), str(DOWNSTREAM / f"{task}_vit-tiny_toy.py"), "2"]
    command += ["--checkpoint", str(pretrained), "--work-dir", str(tmp_path / "run"), "--cfg-options", *options]
    monkeypatch.setenv("PORT", str(free_port))
    output = run(command, ROOT)
    assert "backbone tensors" in output and list((tmp_path / "run").glob("*.pth"))
