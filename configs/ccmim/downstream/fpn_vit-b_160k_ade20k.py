# ADE20K, Semantic FPN, 160k iterations of 16 images: the paper's text says FPN where its Table 3 says UperNet, so there
# are configs for both. Schedule and lr as in upernet_vit-b_160k_ade20k.py.
_base_ = [
    "../../_base_/models/fpn_vit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="ccmim/downstream/upernet_vit-tiny_toy.py")
