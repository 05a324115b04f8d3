# Linear probe on the built-in pictures, under a minute on two CPU cores: the mean patch token of CIM's frozen ViT.
_base_ = [
    "../../_base_/models/toy_classifier_beit-vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(
    backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", frozen_stages=6),
    head=dict(norm=["ln_fixed", "bn"], init_std=0.01),
)
