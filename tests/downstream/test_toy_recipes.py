"""The toy recipes as shipped, from a short pre-training run to a metric that says something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from dense_run import ROOT
from mmengine.config import Config
from mmengine.runner import Runner

from mmmim.launch import options as run_options
from mmmim.models.backbones import ResNet

pytestmark = pytest.mark.slow


def final_metrics(config: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.chdir(tmp_path)  # data/ is made there
    cfg = run_options.load_config(str(ROOT / config), {}, str(tmp_path / "run"))
    run_options.use_checkpoint(cfg, str(checkpoint))
    Runner.from_cfg(cfg).train()
    scalars = next((tmp_path / "run").glob("*/vis_data/scalars.json"))
    return json.loads(scalars.read_text(encoding="utf-8").splitlines()[-1])


def test_segmentation(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = final_metrics("configs/ccmim/downstream/upernet_vit-tiny_toy.py", pretrained, tmp_path, monkeypatch)
    assert metrics["mIoU"] > 60  # background everywhere gives 30


def test_detection(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = final_metrics("configs/ccmim/downstream/mask-rcnn_vit-tiny_toy.py", pretrained, tmp_path, monkeypatch)
    assert metrics["coco/bbox_mAP_50"] > 0.3


@pytest.fixture
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CIM's ResNet as it starts."""
    arch = Config.fromfile(ROOT / "configs" / "_base_" / "models" / "toy_resnet.py").toy_resnet
    torch.manual_seed(0)
    model = ResNet(depth=arch, img_size=64, mask_mode=None)
    state = {f"backbone.{name}": value for name, value in model.state_dict().items()}
    file = tmp_path_factory.mktemp("resnet") / "start.pth"
    torch.save(dict(state_dict=state, meta=dict(mmmim=model.describe())), file)
    return file


@pytest.mark.parametrize(("task", "metric", "least"), [("fcn", "mIoU", 70), ("mask-rcnn", "coco/bbox_mAP_50", 0.2)])
def test_resnet(
    task: str, metric: str, least: float, resnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = f"configs/cim/downstream/{task}_resnet-tiny_toy.py"
    assert final_metrics(config, resnet, tmp_path, monkeypatch)[metric] > least
