# COCO, Mask R-CNN, ViT-S. Published by the authors (Table 3): 45.8 box AP, 41.0 mask AP.
_base_ = [
    "../../_base_/models/mask-rcnn_windowed-vit.py",
    "../../_base_/datasets/coco_lsj.py",
    "../../_base_/schedules/det_adamw_25e.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="conmim/downstream/mask-rcnn_vit-tiny_lsj_toy.py")

model = dict(
    backbone=dict(arch="small", pos_embed="zeros"),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=384, norm_cfg=dict(type="GN", num_groups=32)),
        dict(type="FPN", in_channels=[384] * 4, out_channels=256, num_outs=5, norm_cfg={{_base_.norm_cfg}}),
    ],
)
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/conmim/downstream/ft_vit-s_200e_in1k.py first, or give --cfg-options "
        "custom_hooks.0.stage=None to start from pre-training as it is",
    )
]
