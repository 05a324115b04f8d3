# Linear probe on the built-in pictures, under a minute on two CPU cores: the recipe of linear_vit-b_90e_in1k.py with
# everything small.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8, frozen_stages=6),
    head=dict(num_classes=8, in_channels=128, norm=["ln_fixed", "bn"], init_std=0.01),
)
