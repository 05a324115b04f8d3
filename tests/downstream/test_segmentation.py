from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_run import DOWNSTREAM, ROOT, Run, run_test_tool
from mmengine.config import Config
from PIL import Image

from mmmim.commands.work.test import use_tta
from mmmim.errors import UsageError

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
    report = json.loads((segmentation.work_dir / "pretrained_report.json").read_text(encoding="utf-8"))
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
    rows = [json.loads(line) for line in segmentation.scalars.read_text(encoding="utf-8").splitlines()]
    assert 0 < rows[-1]["mIoU"] < 100


def scores_of_stored_maps(labels: Path, predictions: Path, num_classes: int) -> dict[str, float]:
    """Pixel accuracy, mean IoU and mean recall, in per cent, of the confusion matrix of two folders of label maps."""
    confusion = np.zeros((num_classes, num_classes))  # rows: labels, columns: predictions
    for file in sorted(labels.glob("*.png")):
        label, prediction = np.array(Image.open(file)), np.array(Image.open(predictions / file.name))
        counted = label != 255
        np.add.at(confusion, (label[counted], prediction[counted]), 1)
    right = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - right
    shares = dict(
        aAcc=right.sum() / confusion.sum(), mIoU=(right / union).mean(), mAcc=(right / confusion.sum(1)).mean()
    )
    return {name: float(100 * share) for name, share in shares.items()}


def test_the_test_tool_repeats_the_metric_which_is_that_of_the_stored_maps(segmentation: Run, tmp_path: Path) -> None:
    storing = copy.copy(segmentation)
    storing.cfg = copy.deepcopy(segmentation.cfg)
    storing.cfg.test_evaluator.output_dir = str(tmp_path / "maps")
    run_test_tool(storing, segmentation.work_dir / "iter_20.pth", tmp_path / "metrics.json")
    trained = json.loads(segmentation.scalars.read_text(encoding="utf-8").splitlines()[-1])
    tested = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert tested["mIoU"] == pytest.approx(trained["mIoU"], abs=1e-9)
    data = segmentation.cfg.test_dataloader.dataset.dataset
    labels = Path(data.data_root, data.data_prefix.seg_map_path)
    independent = scores_of_stored_maps(labels, tmp_path / "maps", len(data.metainfo.classes))
    assert tested == pytest.approx(independent, abs=0.0051) and len(tested) == 3  # mmseg rounds to two digits


ONE_SCALE = [dict(type="Resize", scale=(128, 128), keep_ratio=True)]


def test_one_scale_of_the_multi_scale_test_is_the_plain_test(segmentation: Run, tmp_path: Path) -> None:
    checkpoint = segmentation.work_dir / "iter_20.pth"
    run_test_tool(segmentation, checkpoint, tmp_path / "one.json", [ONE_SCALE])
    trained = json.loads(segmentation.scalars.read_text(encoding="utf-8").splitlines()[-1])
    one = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert one == {name: pytest.approx(trained[name], abs=1e-9) for name in ("aAcc", "mIoU", "mAcc")}
    run_test_tool(segmentation, checkpoint, tmp_path / "three.json", [])
    three = json.loads((tmp_path / "three.json").read_text(encoding="utf-8"))
    assert three != one and all(0 < value < 100 for value in three.values())


def test_the_mirrored_image_may_join_the_multi_scale_test(segmentation: Run, tmp_path: Path) -> None:
    both = [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)]
    checkpoint = segmentation.work_dir / "iter_20.pth"
    run_test_tool(segmentation, checkpoint, tmp_path / "flipped.json", [ONE_SCALE, both])
    assert 0 < json.loads((tmp_path / "flipped.json").read_text(encoding="utf-8"))["mIoU"] < 100


def test_scales_of_ade20k() -> None:
    """SimMIM: 2048 x 512 times 0.75 to 1.25, without flip."""
    cfg = Config.fromfile(ROOT / "configs" / "_base_" / "datasets" / "ade20k.py")
    scales, flips, *_ = cfg.tta_pipeline[1].transforms
    assert [step.scale for step in scales] == [(1536, 384), (1792, 448), (2048, 512), (2304, 576), (2560, 640)]
    assert [step.prob for step in flips] == [0.0] and all(step.keep_ratio for step in scales)


def test_a_config_without_variations_is_refused() -> None:
    cfg = Config.fromfile(DOWNSTREAM / "mask-rcnn_vit-tiny_toy.py")
    with pytest.raises(UsageError, match="--tta: this config has no tta_model and no tta_pipeline"):
        use_tta(cfg)


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
