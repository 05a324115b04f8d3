# ADE20K, UperNet, ViT-S: published by the authors (Table 2): 47.7 mIoU. The head's width is a choice of ours.
_base_ = "./upernet_vit-b_160k_ade20k.py"
model = dict(
    backbone=dict(arch="small"),
    neck=dict(in_channels=384),
    decode_head=dict(in_channels=[384] * 4, channels=512),
    auxiliary_head=dict(in_channels=384),
)
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/conmim/downstream/ft_vit-s_200e_in1k.py first, or take upernet_vit-s_160k_ade20k-ssl.py",
    )
]
