"""The toy recipes as shipped, from a short pre-training run to a metric that says something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dense_run import ROOT
from mmengine.runner import Runner

from mmmim.engine import run_options

pytestmark = pytest.mark.slow


def final_metrics(config: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.chdir(tmp_path)  # data/ is made there
    cfg = run_options.load_config(str(ROOT / config), {}, str(tmp_path / "run"))
    run_options.use_checkpoint(cfg, str(checkpoint))
    Runner.from_cfg(cfg).train()
    scalars = next((tmp_path / "run").glob("*/vis_data/scalars.json"))
    return json.loads(scalars.read_text().splitlines()[-1])


def test_segmentation(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = final_metrics("configs/ccmim/downstream/upernet_vit-tiny_toy.py", pretrained, tmp_path, monkeypatch)
    assert metrics["mIoU"] > 60  # background everywhere gives 30


def test_detection(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = final_metrics("configs/ccmim/downstream/mask-rcnn_vit-tiny_toy.py", pretrained, tmp_path, monkeypatch)
    assert metrics["coco/bbox_mAP_50"] > 0.3
