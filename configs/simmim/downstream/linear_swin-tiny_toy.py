# Linear probe on the built-in pictures, about a minute on two CPU cores: the frozen encoder's mean token, normed over
# the batch.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_swin.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch=_base_.toy_swin,
        img_size=64,
        patch_size=2,
        window_size=4,
        mask_mode=None,
        out_type="avg",
        frozen_stages=3,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=128, norm="bn", init_std=0.01),
)
