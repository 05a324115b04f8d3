# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores: the recipe of mask-rcnn_vit-b_1x_coco.py with
# everything small.
_base_ = [
    "../../_base_/models/toy_mask-rcnn_vit.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]
