# COCO, Mask R-CNN 3x, Swin-L, window 14. Published by the authors (Table 12): 53.8 box AP; supervised 50.9.
_base_ = [
    "../../_base_/models/mask-rcnn_swin.py",
    "../../_base_/datasets/coco_lsj.py",
    "../../_base_/schedules/det_adamw_3x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="simmim/downstream/mask-rcnn_swin-tiny_toy.py")

model = dict(
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(arch="large", window_size=14),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
