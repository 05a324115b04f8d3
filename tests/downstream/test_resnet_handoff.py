"""A pre-trained ResNet in segmentation (dilated), detection (four stages) and classification: tensors and BatchNorm."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from dense_run import ROOT, Run, pre_train, short_classification, short_dense, train_classifier
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmmim.checkpoint.names import compare, strip_prefix
from mmmim.errors import UsageError
from mmmim.models.backbones import ResNet

DOWNSTREAM = ROOT / "configs" / "cim" / "downstream"
SHORT = short_dense(iterations=20, epochs=5)
CLASSIFICATION = short_classification(epochs=5, batch_size=16, images=64)
TENSORS = 6 + 4 * 24  # stem; bottlenecks with a convolution in the shortcut: four convolutions, four norms of five
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def config_of(task: str) -> str:
    return str(DOWNSTREAM / f"{task}_resnet-tiny_toy.py")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of SimMIM, which unlike CIM has a mask token."""
    arch = Config.fromfile(ROOT / "configs" / "_base_" / "models" / "toy_resnet.py").toy_resnet
    backbone = dict(type="ResNet", depth=arch, img_size=64)
    return pre_train(ROOT / "configs/simmim/swin-tiny_toy.py", tmp_path_factory.mktemp("resnet"), backbone)


@pytest.fixture(scope="module", params=["fcn", "mask-rcnn"])
def handed_over(request: pytest.FixtureRequest, checkpoint: Path, dense: Callable[..., Run]) -> tuple[str, Run]:
    return request.param, dense(config_of(request.param), checkpoint, SHORT[request.param])


def test_every_tensor_arrives_and_is_trained(handed_over: tuple[str, Run], checkpoint: Path) -> None:
    _, run = handed_over
    report = json.loads((run.work_dir / "pretrained_report.json").read_text(encoding="utf-8"))
    assert f"loaded {TENSORS}/{TENSORS} backbone tensors" in run.log and len(run.spy.start) == TENSORS
    assert (report["resized"], report["unused"], report["new"]) == ([], ["mask_token"], [])
    stored = strip_prefix(torch.load(checkpoint)["state_dict"], "backbone")
    assert all(torch.equal(value, stored[name]) for name, value in run.spy.start.items())
    assert run.spy.without_gradient == []
    now = run.runner.model.backbone.state_dict()
    assert [name for name, value in run.spy.start.items() if torch.equal(value, now[name])] == []


def test_dense_losses_fall_and_metrics_are_written(handed_over: tuple[str, Run]) -> None:
    _, run = handed_over
    losses = run.spy.losses
    assert len(losses) == 20 and all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    row = json.loads(run.scalars.read_text(encoding="utf-8").splitlines()[-1])
    assert 0 < row["mIoU"] < 100 if "mIoU" in row else 0 <= row["coco/bbox_mAP"] <= 1


def test_maps_and_norms_of_each_task(handed_over: tuple[str, Run]) -> None:
    """Stride 8 for FCN, the pyramid of four strides for Mask R-CNN; norms learn, over all processes where there are."""
    task, run = handed_over
    backbone, strides = run.runner.model.backbone.eval(), (4, 8, 8, 8) if task == "fcn" else (4, 8, 16, 32)
    maps = backbone(torch.randn(1, 3, 64, 96))
    widths = (64, 128, 256, 512)
    assert [tuple(x.shape[1:]) for x in maps] == [
        (width, 64 // stride, 96 // stride) for width, stride in zip(widths, strides, strict=True)
    ]
    assert run.cfg.model.backbone.norm == "syncbn" and not run.cfg.model.backbone.get("norm_eval")
    assert backbone.bn1.num_batches_tracked == 2 + 20  # both runs' steps


@pytest.mark.parametrize("task", ["ft", "linear"])
def test_classification(task: str, checkpoint: Path, tmp_path: Path) -> None:
    run = train_classifier(config_of(task), checkpoint, CLASSIFICATION, tmp_path)
    report, spy = run.report, run.spy
    assert (report["loaded_of_expected"], report["unused"]) == (f"{TENSORS}/{TENSORS}", ["mask_token"])
    assert len(spy.losses) == 20 and all(map(math.isfinite, spy.losses))
    assert run.unchanged == (list(spy.start) if task == "linear" else [])


def test_a_supervised_baseline_keeps_stage_1_and_all_statistics(checkpoint: Path, dense: Callable[..., Run]) -> None:
    options = {**SHORT["mask-rcnn"], "train_cfg.max_epochs": 1, "train_cfg.val_interval": 1}
    options |= {"model.backbone.frozen_stages": 1, "model.backbone.norm_eval": True}
    run = dense(config_of("mask-rcnn"), checkpoint, options)
    now = run.runner.model.backbone.state_dict()
    unchanged = {name for name, value in run.spy.start.items() if torch.equal(value, now[name])}
    frozen = {name for name in now if name.startswith(("conv1", "bn1", "layer1")) or name.endswith(STATISTICS)}
    assert unchanged == frozen


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"depth.depths": [1, 1, 2, 1]}, r"another ResNet: depths is \[1, 1, 1, 1\] there, \[1, 1, 2, 1\] here"),
        ({"depth.channels": 32}, r"another ResNet: embed_dims is 512 there, 1024 here"),
        ({"width": 2}, r"another ResNet: embed_dims is 512 there, 1024 here"),
        ({"stem": "3x3"}, r"conv1\.weight \(file \(16, 3, 7, 7\), backbone \(16, 3, 3, 3\)\)"),
    ],
)
def test_another_encoder_is_refused(options: dict, reason: str, checkpoint: Path, dense: Callable[..., Run]) -> None:
    changed = {f"model.backbone.{name}": value for name, value in options.items()}
    with pytest.raises(UsageError, match=reason):
        dense(config_of("fcn"), checkpoint, {**SHORT["fcn"], **changed})


def lively(model: nn.Module) -> nn.Module:
    """Every norm does something: by default the last of a block multiplies by zero."""
    torch.manual_seed(0)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                nn.init.uniform_(tensor, 0.5, 1)
    return model.double().eval()


@pytest.mark.parametrize(("framework", "output_stride"), [("mmdet", 32), ("mmseg", 32), ("mmseg", 16), ("mmseg", 8)])
def test_resnet50_of_mmseg_and_mmdet_gives_our_maps(framework: str, output_stride: int) -> None:
    """Their own class loads the checkpoint too; dilated, ours equals mmseg's with contract_dilation."""
    settings: dict[str, Any] = dict(type="ResNet", depth=50, norm_eval=False)
    if output_stride == 16:
        settings |= dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True)
    elif output_stride == 8:
        settings |= dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True)
    ours = lively(ResNet(out_type="featmap", out_indices=(0, 1, 2, 3), output_stride=output_stride))
    stored = ours.state_dict()
    import_module("mmmim.compat.openmmlab")
    with DefaultScope.overwrite_default_scope(framework):
        theirs = MODELS.build(settings).double()
    assert type(theirs).__module__.startswith(framework)
    theirs.eval()  # returns nothing in mmdet's
    nn.Module.load_state_dict(theirs, stored, strict=False)
    report = compare(stored, theirs)
    assert report.complete and report.ratio == "318/318" and report.unused == ["mask_token"]
    images = torch.randn(1, 3, 64, 80, dtype=torch.float64)
    with torch.no_grad():
        for a, b in zip(theirs(images), ours(images), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_fcn_of_mmseg() -> None:
    """Heads, auxiliary weight and test mode of mmseg's fcn_r50-d8, and norms over all processes."""
    cfg = Config.fromfile(ROOT / "configs" / "_base_" / "models" / "fcn_resnet.py").model
    main, aux = cfg.decode_head, cfg.auxiliary_head
    assert (main.type, main.channels, main.num_convs, main.concat_input, main.dropout_ratio) == (
        "FCNHead",
        512,
        2,
        True,
        0.1,
    )
    assert (aux.type, aux.in_index, aux.channels, aux.num_convs, aux.loss_decode.loss_weight) == (
        "FCNHead",
        2,
        256,
        1,
        0.4,
    )
    assert main.norm_cfg.type == aux.norm_cfg.type == "SyncBN" and cfg.test_cfg == dict(mode="whole")
