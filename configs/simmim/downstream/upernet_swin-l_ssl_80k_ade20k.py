# The recipe of upernet_swin-l_80k_ade20k.py for a checkpoint of pre-training as it is: BEiT's lr and layer decay.
_base_ = [
    "../../_base_/models/upernet_swin.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_80k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="simmim/downstream/upernet_swin-tiny_toy.py")

model = dict(
    backbone=dict(arch="large"),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
    auxiliary_head=dict(in_channels=768),
)
train_dataloader = dict(batch_size=4)  # x 8 GPUs
optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
