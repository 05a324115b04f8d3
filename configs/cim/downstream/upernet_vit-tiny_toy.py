# UperNet on the built-in pictures, about a minute on two CPU cores, with CIM's plain ViT.
_base_ = [
    "../../_base_/models/toy_upernet_beit.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy_200.py",
]

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
