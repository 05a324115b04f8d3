from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_run import Run, run_test_tool
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CONFIG = "mask-rcnn_vit-tiny_toy.py"
SHORT = {
    "train_cfg.max_epochs": 5,
    "train_cfg.val_interval": 5,
    "param_scheduler.0.end": 5,
    "default_hooks.checkpoint.interval": 5,
    "model.rpn_head.anchor_generator.scales": [4],
    "model.test_cfg.rcnn.score_thr": 0.0,  # after 20 steps hardly a box is sure of anything
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


STATISTICS = ("mAP", "mAP_50", "mAP_75", "mAP_s", "mAP_m", "mAP_l")


def scores_by_pycocotools(annotations: str, predictions: list[dict], kind: str) -> dict[str, float]:
    """AP of predictions in COCO's format, under mmdet's names; for ``segm`` an object is as large as its mask."""
    truth = COCO(annotations)
    left_out = "segmentation" if kind == "bbox" else "bbox"
    found = [{key: value for key, value in one.items() if key != left_out} for one in predictions]
    evaluation = COCOeval(truth, truth.loadRes(found), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return {f"{kind}_{name}": float(value) for name, value in zip(STATISTICS, evaluation.stats[:6], strict=True)}


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_metrics_are_those_of_the_stored_predictions(detection: Run, kind: str) -> None:
    predictions = json.loads((detection.work_dir / f"results.{kind}.json").read_text(encoding="utf-8"))
    independent = scores_by_pycocotools(detection.cfg.val_evaluator.ann_file, predictions, kind)
    row = json.loads(detection.scalars.read_text(encoding="utf-8").splitlines()[-1])
    logged = {name: row[f"coco/{name}"] for name in independent}
    assert predictions and logged == pytest.approx(independent, abs=0.00051)  # mmdet rounds to three digits


def test_the_metric_of_shifted_ground_truth(detection: Run) -> None:
    """Classes, boxes and masks that are right but for a shift, and a wrong class now and then, score as they should."""
    evaluator, rng = detection.runner.val_evaluator.metrics[0], np.random.default_rng(0)
    truth = COCO(detection.cfg.val_evaluator.ann_file)
    classes = detection.cfg.val_dataloader.dataset.dataset.metainfo.classes
    ids = {name: truth.getCatIds(catNms=[name])[0] for name in classes}
    predictions = []
    for image_id, image in truth.imgs.items():
        boxes, labels, masks, scores = [], [], [], []
        for annotation in truth.imgToAnns[image_id]:
            name = truth.cats[annotation["category_id"]]["name"]
            label = classes.index(name) if rng.random() < 0.8 else rng.integers(len(classes))
            (right, down), score = rng.integers(0, 4, 2), float(rng.random())
            mask = np.roll(truth.annToMask(annotation), (down, right), axis=(0, 1))
            x, y, width, height = annotation["bbox"]
            box = [x + right, y + down, x + right + width, y + down + height]
            boxes, labels, masks, scores = [*boxes, box], [*labels, label], [*masks, mask], [*scores, score]
            predictions.append(
                dict(
                    image_id=image_id,
                    category_id=ids[classes[label]],
                    bbox=[x + right, y + down, width, height],
                    score=score,
                    segmentation=rle.encode(np.asfortranarray(mask)),
                )
            )
        found = dict(
            bboxes=torch.tensor(boxes, dtype=torch.float64),
            labels=torch.tensor(labels),
            scores=torch.tensor(scores, dtype=torch.float64),
            masks=torch.tensor(np.stack(masks)).bool(),
        )
        size = (image["height"], image["width"])
        evaluator.process({}, [dict(img_id=image_id, ori_shape=size, pred_instances=found)])
    measured = evaluator.evaluate(size=len(truth.imgs))
    for kind in ("bbox", "segm"):
        independent = scores_by_pycocotools(detection.cfg.val_evaluator.ann_file, predictions, kind)
        assert 0.1 < independent[f"{kind}_mAP"] < 0.99
        logged = {name: measured[f"coco/{name}"] for name in independent}
        assert logged == pytest.approx(independent, abs=0.00051)
