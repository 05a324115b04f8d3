# The recipe of upernet_vit-s_160k_ade20k.py for a checkpoint of pre-training as it is: BEiT's lr and layer decay.
_base_ = [
    "../../_base_/models/upernet_beit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="conmim/downstream/upernet_vit-tiny_toy.py")

model = dict(
    backbone=dict(arch="small", rel_pos_resize="bilinear"),
    neck=dict(in_channels=384),
    decode_head=dict(in_channels=[384] * 4, channels=512),
    auxiliary_head=dict(in_channels=384),
)
optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(decay_rel_pos=True))
