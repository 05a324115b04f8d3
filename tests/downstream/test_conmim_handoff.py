"""ConMIM's slow encoder in classification, segmentation, detection with windows, and timm."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from dense_run import ROOT, Run, pre_train, short_classification, short_dense, train_classifier
from mmengine.config import Config

from mmmim.checkpoint.names import strip_prefix
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT
from mmmim.models.backbones.beit_blocks import WindowAttention
from mmmim.models.layers.relative_position import resize_rel_pos_table
from mmmim.visualization.sources import load_model

CONMIM = ROOT / "configs" / "conmim"
TABLE = "relative_position_bias_table"
SHARED = f"rel_pos_bias.{TABLE}"
SHORT = short_dense(iterations=8, epochs=2)
UNUSED = {"upernet": ["mask_token", "norm.weight", "norm.bias"]}
UNUSED["mask-rcnn"] = ["cls_token", *UNUSED["upernet"]]
SPANS = {"upernet": [(12, 12)] * 6, "mask-rcnn": [(5, 5), (12, 12), (12, 12), (5, 5), (12, 12), (12, 12)]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real steps of the toy recipe; tables, zero at the start, are given values of size."""
    file = pre_train(CONMIM / "vit-tiny_toy.py", tmp_path_factory.mktemp("conmim"))
    content = torch.load(file, weights_only=False)
    torch.manual_seed(0)
    content["state_dict"][f"backbone.{SHARED}"].normal_(std=0.5)
    torch.save(content, file)
    return file


@pytest.fixture(scope="module")
def stored(checkpoint: Path) -> dict[str, torch.Tensor]:
    return strip_prefix(torch.load(checkpoint, weights_only=False)["state_dict"], "backbone")


def config_of(task: str) -> str:
    return str(CONMIM / "downstream" / f"{task}_vit-tiny_toy.py")


def test_the_file_holds_the_slow_encoder_as_backbone(checkpoint: Path, stored: dict[str, torch.Tensor]) -> None:
    everything = torch.load(checkpoint, weights_only=False)["state_dict"]
    online = strip_prefix(everything, "target_generator.backbone")
    assert list(online) == list(stored)
    assert not torch.equal(online["blocks.0.attn.qkv.weight"], stored["blocks.0.attn.qkv.weight"])
    model: Any = load_model(Config.fromfile(str(CONMIM / "vit-tiny_toy.py")), checkpoint)
    assert torch.equal(model.target_generator.backbone.cls_token, stored["cls_token"])


@pytest.fixture(scope="module", params=["upernet", "mask-rcnn"])
def handed_over(request: pytest.FixtureRequest, checkpoint: Path, dense: Callable[..., Run]) -> tuple[str, Run]:
    return request.param, dense(config_of(request.param), checkpoint, SHORT[request.param])


def test_every_tensor_arrives_and_is_trained(handed_over: tuple[str, Run]) -> None:
    task, run = handed_over
    report = json.loads((run.work_dir / "pretrained_report.json").read_text(encoding="utf-8"))
    total = len(run.spy.start)
    assert f"loaded {total}/{total} backbone tensors" in run.log
    assert (report["unused"], report["new"], report["copied"]) == (UNUSED[task], [], [SHARED])
    assert report["resized"] == ["pos_embed", *(f"blocks.{i}.attn.{TABLE}" for i in range(6))]
    assert run.spy.without_gradient == []
    now = run.runner.model.backbone.state_dict()
    assert [name for name, value in run.spy.start.items() if torch.equal(value, now[name])] == ["pos_embed"]
    assert run.spy.losses and all(map(math.isfinite, run.spy.losses))


def test_tables_of_both_kinds(handed_over: tuple[str, Run], stored: dict[str, torch.Tensor]) -> None:
    task, run = handed_over
    blocks = run.runner.model.backbone.blocks
    assert [isinstance(block.attn, WindowAttention) for block in blocks] == [s == (5, 5) for s in SPANS[task]]
    rows, method = (-3, "bicubic") if task == "mask-rcnn" else (None, "bilinear")
    for index, span in enumerate(SPANS[task]):
        extra = 0 if rows else 3
        expected = resize_rel_pos_table(stored[SHARED][:rows], (8, 8), span, extra, method)
        assert torch.equal(run.spy.start[f"blocks.{index}.attn.{TABLE}"], expected)
    for name, value in run.spy.start.items():
        assert TABLE in name or name == "pos_embed" or torch.equal(value, stored[name])


@pytest.mark.parametrize("task", ["linear", "ft"])
def test_classification(task: str, checkpoint: Path, tmp_path: Path) -> None:
    run = train_classifier(
        config_of(task), checkpoint, short_classification(epochs=1, batch_size=8, images=32), tmp_path
    )
    report, spy = run.report, run.spy
    assert report["loaded_of_expected"] == f"{len(spy.start)}/{len(spy.start)}"
    assert (report["unused"], report["new"], report["missing"]) == (UNUSED["upernet"], [], [])
    assert report["copied"] == ([SHARED] if task == "ft" else []) and report["resized"] == []
    assert len(spy.losses) == 4 and all(map(math.isfinite, spy.losses))
    assert run.unchanged == (list(spy.start) if task == "linear" else ["pos_embed"])


def test_timms_beit_gives_the_same_features(checkpoint: Path, stored: dict[str, torch.Tensor], tmp_path: Path) -> None:
    usage, difference = export(read_encoder(checkpoint), "timm", tmp_path / "out.pth")
    names: dict[str, Any] = dict(timm=timm, torch=torch)
    exec(usage, names)  # loads strictly
    theirs, images = names["model"].eval(), torch.randn(2, 3, 64, 64)
    arch = dict(embed_dims=128, depth=6, num_heads=4)
    ours = BEiTViT(arch=arch, img_size=64, patch_size=8, pos_embed="sincos").eval()
    ours.load_state_dict(stored, strict=True)
    assert type(theirs).__name__ == "Beit" and difference < 1e-5
    with torch.no_grad():
        torch.testing.assert_close(theirs.forward_features(images), ours(images)[0], rtol=0, atol=1e-5)
