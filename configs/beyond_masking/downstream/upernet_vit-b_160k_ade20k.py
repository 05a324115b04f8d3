# ADE20K, UperNet, 160k iterations of 16 images, single-scale test: the better of lr 3e-4 and 4e-4 (paper). Layer decay
# 0.65 and drop path 0.1 are BEiT's. Published by the authors (Table 3): 46.2 mIoU of masking and zooming in together.
_base_ = [
    "../../_base_/models/upernet_vit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="beyond_masking/downstream/upernet_vit-tiny_toy.py")
