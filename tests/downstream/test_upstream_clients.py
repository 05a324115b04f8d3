"""The frameworks' own configs, tools and inferencers, of which nothing but the backbone is ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from upstream_configs import CLIENTS, options, write_config
from upstream_data import write_ade20k, write_coco

from mmmim import compat
from mmmim.models.backbones import BEiTViT, ResNet, Swin, ViT

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
JOBS = ROOT / "tests/helpers/upstream_jobs.py"
ENCODERS = {
    "ViT": lambda: ViT("tiny"),
    "BEiTViT": lambda: BEiTViT("tiny"),
    "Swin": lambda: Swin("tiny"),
    "ResNet": lambda: ResNet(18),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of every encoder as pre-training leaves them, and the pictures."""
    compat.setup()
    root = tmp_path_factory.mktemp("upstream")
    for name, build in ENCODERS.items():
        torch.manual_seed(0)
        encoder = build()
        state = {f"backbone.{key}": value for key, value in encoder.state_dict().items()}
        meta = dict(mmmim=dict(encoder.describe(), stage="ssl"))
        torch.save(dict(state_dict=state, meta=meta), root / f"{name}.pth")
    write_ade20k(root / "mmseg")
    write_coco(root / "mmdet")
    return root


def run(package: str, jobs: dict[str, Any], file: Path, *launcher: str) -> dict[str, Any]:
    file.write_text(json.dumps(jobs), encoding="utf-8")
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    command = [sys.executable, *launcher, str(JOBS), package, str(file)]
    with open(file.with_suffix(".log"), "w", encoding="utf-8") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd=file.parent, env=environment, check=True)
    return json.loads(file.read_text(encoding="utf-8"))


# mmseg's own constructor, as the upstream config has it
THEIR_DECAY = ["optim_wrapper.constructor=LayerDecayOptimizerConstructor", "optim_wrapper.paramwise_cfg.num_layers=12"]


@pytest.fixture(scope="module")
def trained(folder: Path) -> dict[str, Any]:
    results = {}
    for package in ("mmseg", "mmdet"):
        jobs = {}
        for name, (its_package, _, encoder, _) in CLIENTS.items():
            if its_package == package:
                config = write_config(name, str(folder / f"{encoder}.pth"), folder)
                arguments = options(name, folder / package)
                jobs[name] = dict(config=str(config), work_dir=str(folder / name), options=arguments)
        if package == "mmseg":
            job = jobs["upernet_beit"]
            jobs["their decay"] = dict(job, work_dir=str(folder / "decay"), options=job["options"] + THEIR_DECAY)
        results |= run(package, jobs, folder / f"train_{package}.json")
    return results


@pytest.fixture(scope="module")
def predicted(folder: Path, trained: dict[str, Any]) -> dict[str, Any]:
    """The config that the run has written and its checkpoint, in a process of their own."""
    results = {}
    for package, picture in (("mmseg", "images/validation/0.jpg"), ("mmdet", "val2017/0.jpg")):
        jobs = {}
        for name, job in trained.items():
            if name in CLIENTS and CLIENTS[name][0] == package and "error" not in job["result"]:
                checkpoint = (folder / name / "last_checkpoint").read_text(encoding="utf-8")
                config, image = str(folder / name / f"{name}.py"), str(folder / package / picture)
                work_dir = str(folder / name / "test")
                jobs[name] = dict(config=config, checkpoint=checkpoint, image=image, work_dir=work_dir)
        launcher = ("-m", "mmmim.compat") if package == "mmdet" else ()
        results |= run(package, jobs, folder / f"predict_{package}.json", *launcher)
    return results


def metrics(folder: Path) -> dict[str, float]:
    lines = next(folder.glob("*/vis_data/scalars.json")).read_text(encoding="utf-8").splitlines()
    return json.loads(lines[-1])


@pytest.mark.parametrize("name", CLIENTS)
def test_their_train_tool(name: str, trained: dict[str, Any]) -> None:
    """Three steps from the checkpoint, all of whose tensors arrive, and a validation."""
    assert "error" not in trained[name]["result"], trained[name]["result"]["error"]
    work_dir = Path(trained[name]["work_dir"])
    report = json.loads((work_dir / "pretrained_report.json").read_text(encoding="utf-8"))
    loaded, expected = report["loaded_of_expected"].split("/")
    assert loaded == expected and report["missing"] == []
    assert any(key in metrics(work_dir) for key in ("mIoU", "coco/bbox_mAP"))


def test_their_layer_decay_stops(trained: dict[str, Any]) -> None:
    error = trained["their decay"]["result"]["error"]
    assert "UsageError" in error and 'constructor="mmmim.LayerDecayOptimWrapperConstructor",' in error


@pytest.mark.parametrize("name", CLIENTS)
def test_their_test_tool_and_inferencer(
    name: str, folder: Path, trained: dict[str, Any], predicted: dict[str, Any]
) -> None:
    result = predicted[name]["result"]
    assert "error" not in result, result["error"]
    assert result["tools"] == []
    (file,) = (folder / name / "test").glob("*/*.json")
    again, before = json.loads(file.read_text(encoding="utf-8")), metrics(folder / name)
    scores = {key: value for key, value in again.items() if "time" not in key}
    assert scores and {key: before[key] for key in scores} == pytest.approx(scores, nan_ok=True)
    if CLIENTS[name][0] == "mmseg":
        shape, lowest, highest = result["prediction"]
        assert shape == [64, 85] and 0 <= lowest <= highest < 150
    else:
        boxes, found_scores, _ = result["prediction"]
        assert boxes == found_scores
