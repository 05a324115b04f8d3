# k-NN with tools/knn.py: the mean cell. Resize 256, crop 224.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224.py",
    "../../_base_/schedules/cls_lars_90e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(task="knn", toy="knn")

model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=50,
        img_size=224,
        mask_mode=None,
        out_type="avg",
        frozen_stages=4,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(in_channels=2048),
)
