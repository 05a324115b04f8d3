# k-NN with tools/knn.py: mean of the normed tokens at 192 pixels, window 6, as in pre-training. Resize 219, crop 192.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/datasets/cls_imagenet_192_randaug.py",
    "../../_base_/schedules/cls_lars_90e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(task="knn", toy="knn")

model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch="base",
        img_size=192,
        window_size=6,
        mask_mode=None,
        out_type="avg",
        frozen_stages=4,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(in_channels=1024),
)
