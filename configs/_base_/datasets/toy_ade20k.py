# Objects of two materials among clutter, generated in ADE20K's layout, 96x128 and 128x96 pixels. There are eight
# materials (prepare.num_classes, classes, the heads' num_classes); a run of two minutes learns to tell two apart.
data_root = "data/toy_ade20k"
crop_size = (96, 96)
classes = ("background", "stripes", "checks")
prepare = dict(layout="ade20k", root=data_root, num_train=240, num_classes=2)  # written on first use
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="Resize", scale=(128, 128), keep_ratio=True),  # changes nothing; makes photos as small
    dict(type="RandomCrop", crop_size=crop_size),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(128, 128), keep_ratio=True),
    dict(type="LoadAnnotations"),  # after Resize: scored at the labels' own size
    dict(type="PackSegInputs"),
]
tta_model = dict(type="SegTTAModel")
tta_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=(side, side), keep_ratio=True) for side in (96, 128, 160)],
            [dict(type="RandomFlip", prob=0.0)],
            [dict(type="LoadAnnotations")],
            [dict(type="PackSegInputs")],
        ],
    ),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type="mmmim.InfiniteEpochSampler"),
    dataset=dict(
        type="mmmim.SeededDataset",
        prepare=prepare,
        dataset=dict(
            type="BaseSegDataset",
            metainfo=dict(classes=classes),
            data_root=data_root,
            data_prefix=dict(img_path="images/training", seg_map_path="annotations/training"),
            img_suffix=".png",
            seg_map_suffix=".png",
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
            type="BaseSegDataset",
            metainfo=dict(classes=classes),
            data_root=data_root,
            data_prefix=dict(img_path="images/validation", seg_map_path="annotations/validation"),
            img_suffix=".png",
            seg_map_suffix=".png",
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
