# Table 8. "An improved recipe following" DeiT and RSB, not tabulated: the first column of Table 15, at 224 pixels.
_base_ = [
    "../../_base_/models/classifier_ft_resnet50.py",
    "../../_base_/datasets/cls_imagenet_224_rsb.py",
    "../../_base_/schedules/cls_rsb_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_resnet-tiny_toy.py")

model = dict(
    data_preprocessor=dict(batch_augment=dict(mixup=0.1, erasing=0.0)),
    backbone=dict(width=2, drop_path_rate=0.0),
    head=dict(in_channels=4096, loss="bce", bce_threshold=0.2),
)
