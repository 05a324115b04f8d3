# Objects of two materials among clutter, generated in COCO's layout, 96x128 and 128x96 pixels; see toy_ade20k.py.
data_root = "data/toy_coco/"
classes = ("stripes", "checks")
prepare = dict(layout="coco", root=data_root, num_train=240, num_classes=2)  # written on first use
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="Resize", scale=(128, 128), keep_ratio=True),  # changes nothing; makes photos as small
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(128, 128), keep_ratio=True),  # changes nothing, but mmdet asks for its scale factor
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type="mmmim.EpochSampler"),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        type="mmmim.SeededDataset",
        prepare=prepare,
        dataset=dict(
            type="CocoDataset",
            metainfo=dict(classes=classes),
            data_root=data_root,
            ann_file="annotations/instances_train.json",
            data_prefix=dict(img="train/"),
            filter_cfg=dict(filter_empty_gt=True, min_size=1),
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmmim.SeededDataset",
        prepare=prepare,
        dataset=dict(
            type="CocoDataset",
            metainfo=dict(classes=classes),
            data_root=data_root,
            ann_file="annotations/instances_val.json",
            data_prefix=dict(img="val/"),
            test_mode=True,
            pipeline=test_pipeline,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="CocoMetric", ann_file=data_root + "annotations/instances_val.json", metric=["bbox", "segm"])
test_evaluator = val_evaluator
