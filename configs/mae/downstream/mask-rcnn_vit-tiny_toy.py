# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores.
_base_ = [
    "../../_base_/models/toy_mask-rcnn_vit.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]
