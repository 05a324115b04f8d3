# ADE20K, one linear layer on the last map, 160k iterations of 16 images: lr 3e-4, layer decay 0.8 (paper). Published by
# the authors (Table 3a): 43.5 mIoU with ResPix, 43.6 with RevDet. Other settings are BEiT's.
_base_ = [
    "../../_base_/models/linear-seg_vit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="cim/downstream/linear-seg_vit-tiny_toy.py")

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
