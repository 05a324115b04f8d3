# The recipe of upernet_swinv2-h_80k_ade20k.py for a checkpoint of pre-training as it is: BEiT's lr and layer decay.
_base_ = [
    "../../_base_/models/upernet_swin.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_80k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="simmim/downstream/upernet_swin-tiny_toy.py")

model = dict(
    backbone=dict(type="mmmim.SwinV2", arch="huge", pretrained_window_sizes=(12, 12, 12, 6)),
    decode_head=dict(in_channels=[352, 704, 1408, 2816]),
    auxiliary_head=dict(in_channels=1408),
)
train_dataloader = dict(batch_size=4)  # x 8 GPUs
optim_wrapper = dict(optimizer=dict(lr=7e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
