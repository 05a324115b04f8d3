# COCO, Mask R-CNN 1x, with the recipe of CAE. Published by ccMIM (Table 2), box / mask AP: 39.5 / 35.9 after 300 epochs
# of pre-training, 42.1 / 37.8 after 800.
_base_ = [
    "../../_base_/models/mask-rcnn_beit.py",
    "../../_base_/datasets/coco.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
