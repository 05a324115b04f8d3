# Linear probe on the built-in pictures, under a minute on two CPU cores: the frozen encoder's mean cell, normed over
# the batch; its own norms use the statistics of pre-training.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_resnet.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=_base_.toy_resnet,
        img_size=64,
        mask_mode=None,
        out_type="avg",
        frozen_stages=4,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=512, norm="bn", init_std=0.01),
)
