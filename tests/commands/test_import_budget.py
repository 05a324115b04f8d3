"""What a process imports before it works, as names of modules: seconds differ between machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmmim.commands.main import verbs
from mmmim.commands.pictures import PICTURES

ROOT = Path(__file__).parents[2]
HELPERS = ROOT / "tests/helpers"
DOORS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tools/**/*.py") if path.parent.name != "docs")
VERBS = [["mmmim/__main__.py", verb, "--help"] for verb in verbs()]
PICTURE_HELPS = [["tools/visualize.py", name, "--help"] for name in PICTURES]
HELPS = [["mmmim/__main__.py", "--help"], *([door, "--help"] for door in DOORS), *PICTURE_HELPS, *VERBS]
CONFIG = "configs/mae/vit-tiny_toy.py"
MISTAKES = [
    (["tools/train.py", CONFIG, "--no-such-option"], "unrecognized arguments: --no-such-option"),
    (["tools/train.py", "configs/mae/vit-tiny_toi.py"], "did you mean configs/mae/vit-tiny_toy.py"),
    (["tools/train.py", CONFIG, "--cfg-options", "model"], "'model' is not of the form KEY=VALUE"),
    (["tools/train.py", CONFIG, "--world-size", "8"], "--dry-run"),
    (["tools/test.py", "configs/mae/vit-tiny_toi.py", "none"], "did you mean"),
    (["tools/print_config.py", "configs/mae/vit-tiny_toi.py"], "did you mean"),
    (["tools/knn.py", CONFIG, "none", "--pool", "max"], "invalid choice: 'max'"),
    (["tools/probe.py", "configs/mae/vit-tiny_toi.py", "none"], "did you mean"),
    (["tools/visualize.py", "losses"], "required: RUN, --out"),
    (["tools/visualize.py", "masks", "configs/mae/vit-tiny_toi.py", "--out", "masks.png"], "did you mean"),
    (["tools/convert.py", "FILE", "--out", "CKPT.pth", "--num-heads", "0"], "--num-heads 0: must be at least 1"),
    (["tools/export.py", "CKPT", "--out", "FILE", "--to", "onxx"], "did you mean 'onnx'?"),
    (["tools/replay.py", "nowhere"], "RUN: there is no folder nowhere"),
    (["tools/reproduce.py", "ccmim"], "give METHOD --list, METHOD TABLE, or --page"),
    (["tools/analysis/color_palette.py", "--data", "toy", "--out", "palette.npy"], "must end in .npz"),
    (["tools/benchmark.py", "step", "--variants", "fp64"], "invalid choice: 'fp64'"),
    (["tools/launch.py", "--processes", "2"], "which script?"),
    (["mmmim/__main__.py", "trian"], "there is no verb trian; did you mean 'train'?"),
    (["mmmim/__main__.py", "knn", "mae/vit-tiny_toy", "none", "--wokers", "2"], "did you mean '--workers'?"),
    (["mmmim/__main__.py", "train", "mae/vit-tiny_toy", "--work-dir", "README.md/x"], "README.md is no folder"),
]  # fmt: skip

# torchvision imports its models, and torch what compiles, wherever they are imported; these belong to other tasks.
FOREIGN = (
    "IPython", "matplotlib", "mmcv.cnn", "mmcv.ops", "mmdet", "mmmim.benchmark", "mmmim.interop", "mmmim.plan",
    "mmmim.reproduce", "mmmim.visualization", "mmpretrain", "mmseg", "pandas", "scipy", "sklearn", "tensorboard",
    "torch.utils.tensorboard",
)  # fmt: skip
ONE_STEP = """
import gc, json, sys
from mmmim.commands.train import main
out, *words = sys.argv[1:]
assert main(words) == 0
with open(out, "w", encoding="utf-8") as file:
    json.dump(dict(modules=sorted(sys.modules), frozen=gc.get_freeze_count(), collects=gc.isenabled()), file)
"""


def python(*words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def ends() -> dict[tuple[str, ...], dict[str, Any]]:
    """How every call of this file ends in a process in which no library can be imported."""
    calls = [*HELPS, *(words for words, _ in MISTAKES)]
    found = json.loads(python(str(HELPERS / "door_imports.py"), json.dumps(str(ROOT)), json.dumps(calls)))
    return {tuple(words): end for words, end in zip(calls, found, strict=True)}


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_imports_no_library(words: list[str], ends: dict[tuple[str, ...], dict[str, Any]]) -> None:
    end = ends[tuple(words)]
    assert (end["library"], end["status"]) == (None, 0)
    assert "usage:" in end["out"]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=lambda each: "_".join(each) if len(each) < 9 else "")
def test_a_mistake_is_told_before_a_library_is_imported(
    words: list[str], message: str, ends: dict[tuple[str, ...], dict[str, Any]]
) -> None:
    end = ends[tuple(words)]
    assert (end["library"], end["status"]) == (None, 2)
    assert message in end["err"] and "Traceback" not in end["err"]


def test_the_package_imports_no_library() -> None:
    words = [str(HELPERS / "door_imports.py"), json.dumps(str(ROOT)), json.dumps([["mmmim/__init__.py"]])]
    assert json.loads(python(*words)) == [dict(status=0, out="", err="", library=None)]


def test_a_pre_training_imports_nothing_of_other_tasks(tmp_path: Path) -> None:
    options = ["train_cfg.stop_after=1", "train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"]
    out = tmp_path / "modules.json"
    python("-c", ONE_STEP, str(out), CONFIG, "--work-dir", str(tmp_path), "--cfg-options", *options)
    told = json.loads(out.read_text(encoding="utf-8"))
    assert {"torch", "mmmim.models.backbones.vit"} <= set(told["modules"])
    assert [name for name in told["modules"] if f"{name}.".startswith(tuple(f"{each}." for each in FOREIGN))] == []
    assert told["frozen"] > 100_000 and told["collects"]  # what the imports hold is not looked through again


def test_a_door_that_imports_a_library_is_found(tmp_path: Path) -> None:
    door = tmp_path / "door.py"
    door.write_text("import torch\n", encoding="utf-8")
    words = [str(HELPERS / "door_imports.py"), json.dumps(str(ROOT)), json.dumps([[str(door), "--help"]])]
    (end,) = json.loads(python(*words))
    assert (end["library"], end["status"]) == ("torch", "torch is imported")
