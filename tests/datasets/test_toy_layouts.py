from __future__ import annotations

import json
import multiprocessing

import numpy as np
import pytest
from PIL import Image
from toy_datasets import det, seg

from mmmim.datasets import SeededDataset
from mmmim.datasets.toy_layouts import LAYOUTS, run_lengths, write_ade20k, write_coco
from mmmim.datasets.toy_renderer import MATERIAL_NAMES

SIZES = [(96, 128), (128, 96)]


def test_ade_files(ade):
    for split, count in (("training", 8), ("validation", 4)):
        images = sorted((ade / "images" / split).iterdir())
        assert len(images) == count
        for i, path in enumerate(images):
            labels = np.asarray(Image.open(ade / "annotations" / split / path.name))
            assert np.asarray(Image.open(path)).shape == (*SIZES[i % 2], 3) and labels.shape == SIZES[i % 2]
            assert 0 in labels and labels.max() <= len(MATERIAL_NAMES)
            assert (labels == i % len(MATERIAL_NAMES) + 1).sum() > 200  # the front shape


def test_mmseg_reads_the_classes(ade, scope):
    scope("mmseg")
    data = SeededDataset(seg(ade))
    raw = np.asarray(Image.open(ade / "annotations/training/00003.png")).astype(int)
    packed = data[3]["data_samples"].gt_sem_seg.data[0].numpy()
    assert np.array_equal(packed, np.where(raw == 0, 255, raw - 1))
    assert data.metainfo["classes"] == MATERIAL_NAMES


def test_mmdet_reads_boxes_and_masks(coco, scope):
    scope("mmdet")
    data = SeededDataset(det(coco))
    assert len(data) == 8
    for i in range(8):
        sample = data[i]["data_samples"]
        gt = sample.gt_instances
        assert sample.ori_shape == SIZES[i % 2] and (gt.labels == i % len(MATERIAL_NAMES)).any()
        for mask, box in zip(gt.masks.masks, gt.bboxes.tensor.numpy(), strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_coco_areas_are_the_masks(coco):
    records = json.loads((coco / "annotations/instances_val.json").read_text(encoding="utf-8"))
    assert [c["name"] for c in records["categories"]] == list(MATERIAL_NAMES)
    for annotation in records["annotations"]:
        assert sum(annotation["segmentation"]["counts"][1::2]) == annotation["area"]


@pytest.mark.parametrize("first", [0, 1])
def test_run_lengths_are_pycocotools(first):
    from pycocotools import mask as masks

    mask = np.random.default_rng(0).integers(0, 2, (7, 5)).astype(bool)
    mask[0, 0] = first
    code = masks.frPyObjects(dict(size=[7, 5], counts=run_lengths(mask)), 7, 5)
    assert np.array_equal(masks.decode(code), mask)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_written_once_and_again_when_the_request_changes(tmp_path, layout):
    root = tmp_path / "set"
    LAYOUTS[layout](root, num_train=2, num_val=1)
    files = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    LAYOUTS[layout](root, num_train=2, num_val=1)
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == files
    LAYOUTS[layout](root, num_train=3, num_val=1)
    assert len(list(root.rglob("0000*"))) > len([p for p in files if p.name.startswith("0000")])
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["set"]


def test_content_is_deterministic(tmp_path, ade):
    write_ade20k(tmp_path / "again", num_train=8, num_val=4)
    for path in ade.rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(ade)).read_bytes()


def test_other_files_are_never_overwritten(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match="holds something else than a toy set"):
        write_coco(tmp_path / "set", num_train=1, num_val=1)
    assert (tmp_path / "set" / "thesis.txt").exists()


def test_failed_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("mmmim.datasets.toy_layouts._scene", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_coco(tmp_path / "set", num_train=1, num_val=1)
    assert [p.name for p in tmp_path.iterdir()] == [".set.lock"]


def test_processes_that_come_together_write_it_once(tmp_path):
    context = multiprocessing.get_context("fork")
    args = (tmp_path / "set", 3, 2)
    processes = [context.Process(target=write_coco, args=args) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    assert len(list((tmp_path / "set" / "train").iterdir())) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [".set.lock", "set"]


def test_prepare_writes_the_set_and_the_runner_loads_it(tmp_path, scope):
    from mmengine.runner import Runner

    scope("mmdet")
    root = tmp_path / "data" / "toy"
    loader = Runner.build_dataloader(
        dict(
            dataset=dict(
                type="mmmim.SeededDataset",
                dataset=det(root, pipeline=[dict(type="RandomFlip", prob=0.5)]),
                prepare=dict(layout="coco", root=str(root), num_train=6, num_val=2),
            ),
            sampler=dict(type="mmmim.InfiniteEpochSampler"),
            batch_sampler=dict(type="AspectRatioBatchSampler"),
            batch_size=2,
            num_workers=0,
        ),
        seed=0,
    )
    batch = next(iter(loader))
    assert batch["inputs"][0].shape == batch["inputs"][1].shape


def test_fewer_classes(tmp_path):
    write_coco(tmp_path / "set", num_train=6, num_val=1, num_classes=2)
    content = json.loads((tmp_path / "set" / "annotations" / "instances_train.json").read_text(encoding="utf-8"))
    assert [category["name"] for category in content["categories"]] == list(MATERIAL_NAMES[:2])
    assert {annotation["category_id"] for annotation in content["annotations"]} == {1, 2}
    with pytest.raises(ValueError, match=r"num_classes: there are 1\.\.8 materials, got 9"):
        write_coco(tmp_path / "more", num_train=1, num_val=1, num_classes=9)
