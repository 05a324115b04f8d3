# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores, with the toy's absolute positions.
_base_ = [
    "../../_base_/models/toy_mask-rcnn_beit.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]

model = dict(backbone=dict(pos_embed="sincos"))
