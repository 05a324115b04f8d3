# COCO, Mask R-CNN 1x, with the recipe of CAE. Published by ccMIM (Table 2), box / mask AP: 45.4 / 40.6 after 300 epochs
# of pre-training, 48.4 / 42.6 after 1600.
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/datasets/coco.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
