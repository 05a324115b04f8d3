from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dense_run import Run, run_test_tool

CONFIG = "mask-rcnn_vit-tiny_toy.py"
SHORT = {
    "train_cfg.max_epochs": 5,
    "train_cfg.val_interval": 5,
    "param_scheduler.0.end": 5,
    "default_hooks.checkpoint.interval": 5,
    "model.rpn_head.anchor_generator.scales": [4],
}


@pytest.fixture(scope="module")
def detection(pretrained: Path, dense: Callable[..., Run]) -> Run:
    return dense(CONFIG, pretrained, SHORT)


def test_every_tensor_arrives_and_all_but_the_positions_are_trained(detection: Run) -> None:
    total = len(detection.spy.start)
    assert f"loaded {total}/{total} backbone tensors" in detection.log
    assert detection.spy.without_gradient == []
    now = detection.runner.model.backbone.state_dict()
    assert [name for name, value in detection.spy.start.items() if torch.equal(value, now[name])] == ["pos_embed"]


def test_losses_fall_and_metrics_and_results_are_written(detection: Run) -> None:
    losses = detection.spy.losses
    assert len(losses) == 20 and all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    row = json.loads(detection.scalars.read_text(encoding="utf-8").splitlines()[-1])
    assert all(0 <= row[f"coco/{kind}_mAP"] <= 1 for kind in ("bbox", "segm"))
    assert json.loads((detection.work_dir / "results.bbox.json").read_text(encoding="utf-8"))


def test_the_test_tool_repeats_the_metrics(detection: Run, tmp_path: Path) -> None:
    run_test_tool(detection, detection.work_dir / "epoch_5.pth", tmp_path / "metrics.json")
    trained = json.loads(detection.scalars.read_text(encoding="utf-8").splitlines()[-1])
    tested = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert {name: trained[name] for name in tested} == tested and len(tested) == 12
