# ADE20K, UperNet, 160k iterations of 16 images. Published by the authors (ccMIM, Table 3): 46.5 mIoU after 300
# epochs of pre-training, 47.7 after 800. Layer decay 0.65 and drop path 0.1 are the paper's; it states no lr: 3e-4 is
# CAE's for a 300-epoch checkpoint, 2e-4 for 800 epochs (its sweep is 1e-4 to 4e-4).
_base_ = [
    "../../_base_/models/upernet_vit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="ccmim/downstream/upernet_vit-tiny_toy.py")
