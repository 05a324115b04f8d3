# Mask R-CNN on the built-in pictures, about a minute on two CPU cores; the encoder of upernet_vit-tiny_toy.py.
_base_ = [
    "../../_base_/models/toy_mask-rcnn_beit.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]
