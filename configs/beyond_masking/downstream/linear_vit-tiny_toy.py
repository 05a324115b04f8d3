# Linear probe on the built-in pictures, under a minute on two CPU cores: the class token of the final norm.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(
    backbone=dict(out_type="cls", final_norm=True, frozen_stages=6),
    head=dict(norm="bn", init_std=0.01),
)
