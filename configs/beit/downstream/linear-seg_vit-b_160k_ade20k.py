# ADE20K, one linear layer on the last map, 160k iterations of 16 images: CIM's comparison, with BEiT's lr 7e-4 and
# layer decay 0.65. Published by CIM (Table 3a) for 300 epochs of pre-training: 43.2 mIoU.
_base_ = [
    "../../_base_/models/linear-seg_vit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="beit/downstream/linear-seg_vit-tiny_toy.py")

optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(decay_rel_pos=True))
