# One linear layer on the last map, on the built-in pictures, about a minute on two CPU cores.
_base_ = [
    "../../_base_/models/toy_linear-seg.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy.py",
]

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
