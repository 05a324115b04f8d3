"""Data and heads that do not fit: one error, before anything is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dense_settings import detection, segmentation
from PIL import Image

from mmmim.errors import UsageError
from mmmim.launch.dense_checks import check_dense
from mmmim.launch.options import load_config

CONFIGS = Path(__file__).parents[2] / "configs"
DOWNSTREAM = CONFIGS / "ccmim" / "downstream"
LOADERS = ("train_dataloader", "val_dataloader")
SEG_HEADS = ("model.decode_head", "model.auxiliary_head")
DET_HEADS = ("model.roi_head.bbox_head", "model.roi_head.mask_head")


def num_classes(heads: tuple[str, ...], count: int) -> dict[str, int]:
    return {f"{head}.num_classes": count for head in heads}


def classes(*names: str) -> dict[str, list[str]]:
    return {f"{loader}.dataset.dataset.metainfo.classes": list(names) for loader in LOADERS}


def edit(file: Path, change: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def test_the_shipped_toys_pass(toys: Path) -> None:
    assert check_dense(segmentation(toys), LOADERS) == check_dense(detection(toys), LOADERS) == []


def test_pre_training_is_left_alone() -> None:
    assert check_dense(load_config(str(CONFIGS / "ccmim" / "vit-tiny_toy.py")), LOADERS) == []


def test_classes_that_the_class_of_the_dataset_brings_count() -> None:
    """ADE20K's 150, COCO's 80, without the data being there."""
    for name, head in (("upernet_vit-b_160k_ade20k.py", "decode_head"), ("mask-rcnn_vit-b_1x_coco.py", "roi_head")):
        cfg = load_config(str(DOWNSTREAM / name))
        assert check_dense(cfg, LOADERS) == []
        wrong = {"decode_head": "model.decode_head", "roi_head": "model.roi_head.mask_head"}[head]
        cfg.merge_from_dict({f"{wrong}.num_classes": 19})
        with pytest.raises(UsageError, match=rf"has (150|80) classes \(.*\), but {wrong}\.num_classes=19; fix: "):
            check_dense(cfg, LOADERS)


def test_class_counts_of_segmentation(toys: Path) -> None:
    wrong = segmentation(toys, **{"model.decode_head.num_classes": 8})
    with pytest.raises(UsageError) as error:
        check_dense(wrong, LOADERS)
    assert str(error.value) == (
        "train_dataloader.dataset.dataset has 3 classes (background, stripes, checks), but "
        "model.decode_head.num_classes=8; fix: --cfg-options model.decode_head.num_classes=3, or name the classes of "
        "the data in train_dataloader.dataset.dataset.metainfo.classes"
    )


def test_class_counts_of_detection(toys: Path) -> None:
    with pytest.raises(UsageError, match=r"bbox_head\.num_classes=3, model\.roi_head\.mask_head\.num_classes=3; fix"):
        check_dense(detection(toys, **num_classes(DET_HEADS, 3)), LOADERS)


def test_training_and_validation_have_the_same_classes(toys: Path) -> None:
    other = {"val_dataloader.dataset.dataset.metainfo.classes": ["background", "stripes", "dots"]}
    with pytest.raises(UsageError, match=r"classes differ: background, stripes, checks; background, stripes, dots"):
        check_dense(segmentation(toys, **other), LOADERS)


def test_labels_outside_of_the_range_name_the_file(data: Path) -> None:
    file = data / "seg" / "annotations" / "training" / "00005.png"
    labels = np.array(Image.open(file))
    labels[0, 0] = 11
    Image.fromarray(labels).save(file)
    with pytest.raises(UsageError, match=r"00005\.png holds the label 11, but .* num_classes=3 \(labels 0 to 2\)"):
        check_dense(segmentation(data), LOADERS)
    assert check_dense(segmentation(data, **{f"{head}.ignore_index": 11 for head in SEG_HEADS}), LOADERS) == []
    names = [f"c{index}" for index in range(12)]
    assert check_dense(segmentation(data, **classes(*names), **num_classes(SEG_HEADS, 12)), LOADERS) == []


def test_a_missing_label_map(data: Path) -> None:
    (data / "seg" / "annotations" / "validation" / "00001.png").unlink()
    with pytest.raises(UsageError, match=r"00001\.png has no label map: .*fix: set val_dataloader.*seg_map_suffix"):
        check_dense(segmentation(data), LOADERS)


def test_images_of_another_kind(data: Path) -> None:
    other = {"train_dataloader.dataset.dataset.img_suffix": ".jpg"}
    with pytest.raises(UsageError, match=r"no image \*\.jpg in .*seg/images/training; fix: set .*img_suffix"):
        check_dense(segmentation(data, **other), LOADERS)


def test_the_metric_reads_the_file_of_the_data(toys: Path) -> None:
    with pytest.raises(
        UsageError, match=r"val_evaluator\.ann_file=else\.json is not .* --cfg-options val_evaluator\.ann"
    ):
        check_dense(detection(toys, **{"val_evaluator.ann_file": "else.json"}), LOADERS)


def test_classes_that_the_annotations_do_not_have(toys: Path) -> None:
    with pytest.raises(
        UsageError, match=r"names person, which .*instances_train\.json does not have.* stripes, checks"
    ):
        check_dense(detection(toys, **classes("person"), **num_classes(DET_HEADS, 1)), LOADERS)


def test_the_order_of_classes_is_the_file_s(toys: Path) -> None:
    with pytest.raises(UsageError, match=r"another order than the categories .*fix: write stripes, checks$"):
        check_dense(detection(toys, **classes("checks", "stripes")), LOADERS)


def test_categories_that_are_left_out_are_told(toys: Path) -> None:
    remarks = check_dense(detection(toys, **classes("stripes"), **num_classes(DET_HEADS, 1)), LOADERS)
    assert len(remarks) == 2 and "instances_train.json: annotations of checks are left out" in remarks[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["annotations"][0].update(category_id=7), "annotations have category_id 7, which"),
        (lambda content: content.pop("categories"), "is no COCO annotation file: KeyError: 'categories'"),
    ],
)
def test_broken_annotations(data: Path, change: Any, message: str) -> None:
    edit(data / "det" / "annotations" / "instances_train.json", change)
    with pytest.raises(UsageError, match=message):
        check_dense(detection(data), LOADERS)


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_tools_train_says_it_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from mmmim.commands.train import main

    options = [*arguments, "--checkpoint", "none", "--cfg-options", "model.decode_head.num_classes=8"]
    assert main([str(DOWNSTREAM / "upernet_vit-tiny_toy.py"), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("error: ") == 1 and "but model.decode_head.num_classes=8; fix: --cfg-options" in error
