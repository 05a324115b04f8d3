# Linear probe on the built-in pictures, under a minute on two CPU cores: the frozen slow encoder, its shared table of
# relative positions as it is, and the mean of the patch tokens.
_base_ = [
    "../../_base_/models/toy_classifier_beit-vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(backbone=dict(pos_embed="sincos", frozen_stages=6), head=dict(norm=["ln_fixed", "bn"], init_std=0.01))
