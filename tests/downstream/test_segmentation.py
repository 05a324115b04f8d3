from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dense_run import Run, run_test_tool

from mmmim.engine.errors import UsageError

CONFIG = "upernet_vit-tiny_toy.py"
SHORT = {
    "train_cfg.max_iters": 20,
    "train_cfg.val_interval": 20,
    "param_scheduler.0.end": 5,
    "param_scheduler.1.begin": 5,
    "train_dataloader.batch_size": 4,
    "default_hooks.checkpoint.interval": 10,
    "default_hooks.checkpoint.max_keep_ckpts": 2,
}


@pytest.fixture(scope="module")
def segmentation(pretrained: Path, dense: Callable[..., Run]) -> Run:
    return dense(CONFIG, pretrained, SHORT)


def test_every_tensor_arrives(segmentation: Run, pretrained: Path) -> None:
    report = json.loads((segmentation.work_dir / "pretrained_report.json").read_text())
    total = len(segmentation.spy.start)
    assert (
        report["loaded_of_expected"] == f"{total}/{total}"
        and f"loaded {total}/{total} backbone tensors" in segmentation.log
    )
    assert report["resized"] == ["pos_embed"] and report["missing"] == report["new"] == []
    stored = torch.load(pretrained)["state_dict"]
    for name, value in segmentation.spy.start.items():
        if name != "pos_embed":
            assert torch.equal(value, stored[f"backbone.{name}"]), name


def test_every_tensor_is_trained(segmentation: Run) -> None:
    assert segmentation.spy.without_gradient == []  # what DistributedDataParallel would complain about
    now = segmentation.runner.model.backbone.state_dict()
    unchanged = [name for name, value in segmentation.spy.start.items() if torch.equal(value, now[name])]
    assert unchanged == []


def test_layers_train_at_their_own_rates(segmentation: Run) -> None:
    model, optimizer = segmentation.runner.model, segmentation.runner.optim_wrapper.optimizer
    depth = model.backbone.depth
    scales = {group["group_name"]: group["lr_scale"] for group in optimizer.param_groups}
    assert {name.split("_")[1] for name in scales} == {str(layer) for layer in range(depth + 2)}
    for name, scale in scales.items():
        assert scale == pytest.approx(0.9 ** (depth + 1 - int(name.split("_")[1])))
    trained = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    assert trained == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_losses_fall_and_the_metric_is_written(segmentation: Run) -> None:
    losses = segmentation.spy.losses
    assert len(losses) == 20 and all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    rows = [json.loads(line) for line in segmentation.scalars.read_text().splitlines()]
    assert 0 < rows[-1]["mIoU"] < 100


def test_the_test_tool_repeats_the_metric(segmentation: Run, tmp_path: Path) -> None:
    run_test_tool(segmentation, segmentation.work_dir / "iter_20.pth", tmp_path / "metrics.json")
    trained = json.loads(segmentation.scalars.read_text().splitlines()[-1])
    assert json.loads((tmp_path / "metrics.json").read_text())["mIoU"] == pytest.approx(trained["mIoU"], abs=1e-9)


def test_a_resumed_run_equals_a_straight_one(segmentation: Run, dense: Callable[..., Run]) -> None:
    resumed = dense(CONFIG, None, SHORT, resume=str(segmentation.work_dir / "iter_10.pth"))
    assert resumed.spy.losses == segmentation.spy.losses[10:]
    ours, theirs = resumed.runner.model.state_dict(), segmentation.runner.model.state_dict()
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []


def test_a_config_without_prefix_is_refused(pretrained: Path, dense: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match=r"init_cfg\.prefix='backbone\.' \(now None\)"):
        dense(CONFIG, pretrained, {**SHORT, "model.backbone.init_cfg.prefix": None})


def test_another_depth_is_refused(pretrained: Path, dense: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match=r"was written by another ViT: depth is \d+ there, 7 here"):
        dense(CONFIG, pretrained, {**SHORT, "model.backbone.arch.depth": 7})
