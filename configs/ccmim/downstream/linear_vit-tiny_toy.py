# Linear probe on the built-in pictures, under a minute on two CPU cores: the recipe of linear_vit-b_90e_in1k.py with
# everything small.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(backbone=dict(frozen_stages=6), head=dict(norm=["ln_fixed", "bn"], init_std=0.01))
