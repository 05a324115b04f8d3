# ADE20K, UperNet, SwinV2-H. Published by the authors (Table 12), multi-scale test: 54.2 mIoU; supervised 49.8. Offsets
# are measured in the windows of pre-training at 192 pixels.
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
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/simmim/downstream/ft_swinv2-h_224_50e_in1k.py first, or take "
        "upernet_swinv2-h_ssl_80k_ade20k.py",
    )
]
