from __future__ import annotations

import pickle

import pytest
import torch
from toy_datasets import det, seg

from mmmim.datasets import SampleKey, SeededDataset


def test_wrapper_makes_augmentation_a_function_of_the_key(ade, scope):
    scope("mmseg")
    crop = [dict(type="RandomCrop", crop_size=(64, 64)), dict(type="PhotoMetricDistortion")]
    data = SeededDataset(seg(ade, pipeline=crop))

    def inputs(*key):
        return data[SampleKey(*key)]["inputs"]

    assert torch.equal(inputs(0, 1, 2), inputs(0, 1, 2))
    assert not torch.equal(inputs(0, 1, 2), inputs(0, 2, 2))
    assert not torch.equal(inputs(0, 1, 2), inputs(1, 1, 2))


def test_wrapper_delegates_and_survives_pickling(coco, scope):
    scope("mmdet")
    data = pickle.loads(pickle.dumps(SeededDataset(det(coco))))
    data.full_init()
    assert data.test_mode is False and len(data) == 8
    key = SampleKey(0, 0, 5)
    assert data.get_data_info(key)["img_path"] == data.get_data_info(5)["img_path"]
    assert data.get_cat_ids(key) == data.get_cat_ids(5)
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = data.no_such_thing


def test_mmdet_fetches_another_image_when_the_pipeline_gives_none(coco, scope):
    scope("mmdet")
    data = SeededDataset(det(coco))
    original = data.dataset.pipeline
    data.dataset.pipeline = lambda info: None if info["img_id"] == 3 else original(info)
    first, again, later = (data[SampleKey(0, epoch, 2)]["data_samples"].img_id for epoch in (0, 0, 1))
    assert first == again != 3 and later != 3


def test_unknown_layout():
    with pytest.raises(ValueError, match=r"prepare.layout='cocco' is unknown; did you mean 'coco'"):
        SeededDataset(dict(), prepare=dict(layout="cocco"))
