# ADE20K, UperNet, 160k iterations of 16 images: lr 7e-4 and layer decay 0.65 are the authors' for a self-supervised
# checkpoint, as is the decay of the tables. Published for 300 epochs: 45.5 mIoU (Beyond Masking, Table 3).
_base_ = [
    "../../_base_/models/upernet_beit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="beit/downstream/upernet_vit-tiny_toy.py")

optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(decay_rel_pos=True))
