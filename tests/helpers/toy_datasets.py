from __future__ import annotations

from mmmim.datasets.toy_renderer import MATERIAL_NAMES


def seg(root, split="training", pipeline=()):
    return dict(
        type="BaseSegDataset",
        data_root=str(root),
        data_prefix=dict(img_path=f"images/{split}", seg_map_path=f"annotations/{split}"),
        img_suffix=".png",
        metainfo=dict(classes=MATERIAL_NAMES),
        reduce_zero_label=True,
        pipeline=[dict(type="LoadImageFromFile"), dict(type="LoadAnnotations"), *pipeline, dict(type="PackSegInputs")],
    )


def det(root, split="train", pipeline=()):
    return dict(
        type="CocoDataset",
        data_root=str(root),
        ann_file=f"annotations/instances_{split}.json",
        data_prefix=dict(img=f"{split}/"),
        metainfo=dict(classes=MATERIAL_NAMES),
        filter_cfg=dict(filter_empty_gt=True, min_size=1),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            *pipeline,
            dict(type="PackDetInputs"),
        ],
    )
