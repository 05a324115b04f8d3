# ADE20K, UperNet, ViT-S: published by the authors (Table 2): 47.7 mIoU. The head's width is a choice of ours.
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
optim_wrapper = dict(optimizer=dict(lr=3e-5), paramwise_cfg=dict(layer_decay_rate=0.9, decay_rel_pos=True))
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/conmim/downstream/ft_vit-s_200e_in1k.py first, or take upernet_vit-s_ssl_160k_ade20k.py",
    )
]
