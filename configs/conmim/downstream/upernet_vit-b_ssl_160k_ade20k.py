# The recipe of upernet_vit-b_160k_ade20k.py for a checkpoint of pre-training as it is: BEiT's lr and layer decay.
_base_ = [
    "../../_base_/models/upernet_beit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="conmim/downstream/upernet_vit-tiny_toy.py")

model = dict(backbone=dict(rel_pos_resize="bilinear"))
optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(decay_rel_pos=True))
