# Table 8. The recipe of ft_resnet50x2_100e_in1k.py; 2048 images as 32 processes x 64.
_base_ = [
    "../../_base_/models/classifier_ft_resnet50.py",
    "../../_base_/datasets/cls_imagenet_224_rsb.py",
    "../../_base_/schedules/cls_rsb_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_resnet-tiny_toy.py")

model = dict(
    data_preprocessor=dict(batch_augment=dict(mixup=0.1, erasing=0.0)),
    backbone=dict(width=4, drop_path_rate=0.0),
    head=dict(in_channels=8192, loss="bce", bce_threshold=0.2),
)
train_dataloader = dict(batch_size=64)
