"""CIM's ViT in classification, segmentation, detection, and timm. Its ResNet: test_resnet_handoff."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dense_run import ROOT, Run, pre_train, short_classification, short_dense, train_classifier

from mmmim.interop.export import export, read_encoder

CIM = ROOT / "configs" / "cim"
SHORT = short_dense(iterations=4, epochs=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real steps of the toy recipe."""
    return pre_train(CIM / "vit-tiny_revdet_toy.py", tmp_path_factory.mktemp("cim"))


def config_of(task: str) -> str:
    return str(CIM / "downstream" / f"{task}_vit-tiny_toy.py")


def test_no_tokenizer_in_the_file(checkpoint: Path) -> None:
    names = list(torch.load(checkpoint, weights_only=True)["state_dict"])
    assert not any("tokenizer" in name for name in names)
    assert {name.split(".")[0] for name in names} == {"backbone", "neck", "generator"}


@pytest.mark.parametrize("task", ["upernet", "mask-rcnn"])
def test_dense_tasks(task: str, checkpoint: Path, dense: Callable[..., Run]) -> None:
    run = dense(config_of(task), checkpoint, SHORT[task])
    report = json.loads((run.work_dir / "pretrained_report.json").read_text(encoding="utf-8"))
    total = len(run.spy.start)
    assert f"loaded {total}/{total} backbone tensors" in run.log
    assert (report["unused"], report["new"], report["resized"]) == (["norm.weight", "norm.bias"], [], ["pos_embed"])
    assert run.spy.without_gradient == []
    assert run.spy.losses and all(map(math.isfinite, run.spy.losses))


@pytest.mark.parametrize("task", ["linear", "ft"])
def test_classification(task: str, checkpoint: Path, tmp_path: Path) -> None:
    run = train_classifier(
        config_of(task), checkpoint, short_classification(epochs=1, batch_size=8, images=32), tmp_path
    )
    report, spy = run.report, run.spy
    assert report["loaded_of_expected"] == f"{len(spy.start)}/{len(spy.start)}"
    assert (report["new"], report["missing"], report["resized"]) == ([], [], [])
    assert spy.losses and all(map(math.isfinite, spy.losses))


def test_timms_vit_gives_the_same_features(checkpoint: Path, tmp_path: Path) -> None:
    usage, difference = export(read_encoder(checkpoint), "timm", tmp_path / "vit.pth")
    assert "timm.models.VisionTransformer" in usage
    assert difference < 1e-9
