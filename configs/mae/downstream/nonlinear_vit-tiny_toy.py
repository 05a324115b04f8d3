# Non-linear probe on the built-in pictures, under a minute on two CPU cores: the recipe of nonlinear_vit-b_90e_in1k.py
# with everything small.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy_10e.py",
]

model = dict(
    backbone=dict(out_type="raw", final_norm=True, frozen_stages=6),
    neck=dict(type="ProbeBlocks", depth=2, pooling="cls"),
    head=dict(init_std=0.01),
)
