# COCO, Mask R-CNN 1x: lr 3e-4, layer decay 0.75 and the short side of 480..800 pixels are the paper's, the rest is
# CAE's. Published by the authors (Table 3): 46.1 box AP, 40.9 mask AP of masking and zooming in together.
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/datasets/coco_multi_scale.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="beyond_masking/downstream/mask-rcnn_vit-tiny_toy.py")
