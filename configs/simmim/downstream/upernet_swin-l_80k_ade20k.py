# ADE20K, UperNet, Swin-L. Published by the authors (Table 12), multi-scale test: 53.5 mIoU; supervised 50.0.
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
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/simmim/downstream/ft_swin-l_224_100e_in1k.py first, or take "
        "upernet_swin-l_ssl_80k_ade20k.py",
    )
]
