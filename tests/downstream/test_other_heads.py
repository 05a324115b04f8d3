"""The windowed detectors and the linear decoder: tensors arrive, all of them train, metrics are written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from dense_run import ROOT, Run, short_dense
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.models.backbones import BEiTViT

TABLE = "relative_position_bias_table"
SHORT = short_dense(iterations=4, epochs=1)


@pytest.fixture(scope="module")
def beit_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``beit_file(stage=..., **options)``: an encoder of the toy size as pre-training would leave it."""

    def write(stage: str = "ssl", **options: Any) -> Path:
        arch = Config.fromfile(ROOT / "configs" / "_base_" / "models" / "toy_arch.py").toy_arch
        torch.manual_seed(0)
        model = BEiTViT(arch=dict(arch), img_size=64, patch_size=8, **options)
        state = {f"backbone.{name}": value.normal_(std=0.05) for name, value in model.state_dict().items()}
        file = tmp_path_factory.mktemp("beit") / "encoder.pth"
        torch.save(dict(state_dict=state, meta=dict(mmmim=dict(model.describe(), stage=stage))), file)
        return file

    return write


def config_of(method: str, name: str) -> str:
    return str(ROOT / "configs" / method / "downstream" / f"{name}_toy.py")


def check(run: Run, unused: list[str], resized: list[str], new: Sequence[str] = ()) -> None:
    total = len(run.spy.start) - len(new)
    assert f"loaded {total}/{total} backbone tensors" in run.log
    assert (run.report["unused"], run.report["resized"], run.report["new"]) == (unused, resized, list(new))
    assert run.spy.without_gradient == []
    assert run.spy.losses and all(map(math.isfinite, run.spy.losses))


def metrics(run: Run) -> dict[str, float]:
    return json.loads(run.scalars.read_text(encoding="utf-8").splitlines()[-1])


def test_large_scale_jitter_with_windows(beit_file: Callable[..., Path], dense: Callable[..., Run]) -> None:
    run = dense(config_of("conmim", "mask-rcnn_vit-tiny_lsj"), beit_file(pos_embed="sincos"), SHORT["mask-rcnn"])
    check(
        run,
        ["cls_token", "mask_token", "norm.weight", "norm.bias"],
        ["pos_embed", *(f"blocks.{i}.attn.{TABLE}" for i in range(6))],
    )
    model = run.runner.model
    assert [block.attn.window for block in model.backbone.blocks] == [4, 0, 0, 4, 0, 0]
    assert {group["lr_scale"] for group in run.runner.optim_wrapper.optimizer.param_groups} == {1.0}
    assert "coco/segm_mAP" in metrics(run) and run.unchanged == ["pos_embed"]


def test_vitdet_reads_a_plain_vit(pretrained: Path, dense: Callable[..., Run]) -> None:
    """ccMIM's and MAE's ViT becomes the windowed encoder, whose decomposed positions are new and learn."""
    run = dense(config_of("mae", "mask-rcnn_vit-tiny_vitdet"), pretrained, SHORT["mask-rcnn"])
    new = [f"blocks.{i}.attn.rel_pos_{axis}" for i in range(6) for axis in "hw"]
    check(run, ["cls_token", "norm.weight", "norm.bias"], ["pos_embed"], new)
    assert "coco/bbox_mAP" in metrics(run) and run.unchanged == []
    levels = run.runner.model.neck(run.runner.model.backbone(torch.randn(1, 3, 128, 128)))
    assert [tuple(level.shape[1:]) for level in levels] == [(32, side, side) for side in (32, 16, 8, 4, 2)]


def test_linear_decoder(beit_file: Callable[..., Path], dense: Callable[..., Run]) -> None:
    file = beit_file(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", mask_mode=None)
    run = dense(config_of("cim", "linear-seg_vit-tiny"), file, SHORT["linear-seg"])
    check(run, [], ["pos_embed"])
    head = run.runner.model.decode_head
    weights = {name: tuple(value.shape) for name, value in head.named_parameters()}
    assert weights == {"conv_seg.weight": (3, 128, 1, 1), "conv_seg.bias": (3,)} and head.dropout is None
    maps = run.runner.model.backbone(torch.randn(1, 3, 96, 64))
    assert len(maps) == 1 and torch.equal(head(maps), head.conv_seg(maps[-1])) and 0 < metrics(run)["mIoU"] < 100


def test_recipes_after_fine_tuning_refuse_a_file_of_pre_training(
    beit_file: Callable[..., Path], dense: Callable[..., Run]
) -> None:
    """The hook of the shipped config, on the toy."""
    shipped = Config.fromfile(ROOT / "configs" / "conmim" / "downstream" / "upernet_vit-b_160k_ade20k.py")
    options = {**SHORT["upernet"], "custom_hooks": shipped.custom_hooks}
    toy = config_of("conmim", "upernet_vit-tiny")
    with pytest.raises(UsageError, match=r"is of stage 'ssl'.*\n.*run configs/conmim/.*ft_vit-b.*ssl_160k_ade20k\.py"):
        dense(toy, beit_file(pos_embed="sincos"), options)
    assert dense(toy, beit_file(stage="ft", pos_embed="sincos"), options).report["missing"] == []
