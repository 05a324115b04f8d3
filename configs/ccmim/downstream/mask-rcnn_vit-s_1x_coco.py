# COCO, Mask R-CNN 1x, ViT-S. Published by the authors (ccMIM, Table 2): 44.3 box AP, 39.5 mask AP after 300 epochs
# of pre-training. Drop path 0.1 for ViT-S (paper).
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/datasets/coco_multi_scale.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="ccmim/downstream/mask-rcnn_vit-tiny_toy.py")

model = dict(
    backbone=dict(arch="small", drop_path_rate=0.1),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=384, norm_cfg={{_base_.norm_cfg}}),
        dict(type="FPN", in_channels=[384, 384, 384, 384], out_channels=256, num_outs=5),
    ],
)
