# COCO, Mask R-CNN 3x with large-scale jitter, window 7. Published by the authors (Table 12): 52.3 box AP; supervised
# 50.2.
_base_ = [
    "../../_base_/models/mask-rcnn_swin.py",
    "../../_base_/datasets/coco_lsj.py",
    "../../_base_/schedules/det_adamw_3x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="simmim/downstream/mask-rcnn_swin-tiny_toy.py")

model = dict(data_preprocessor=dict(pad_size_divisor=1024))
