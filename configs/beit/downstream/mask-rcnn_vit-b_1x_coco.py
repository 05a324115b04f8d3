# COCO, Mask R-CNN 1x, with ccMIM's recipe for all methods of its Table 2. Published there, box / mask AP: 39.5 / 35.9
# after 300 epochs of pre-training, 42.1 / 37.8 after 800.
_base_ = [
    "../../_base_/models/mask-rcnn_beit.py",
    "../../_base_/datasets/coco_multi_scale.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="beit/downstream/mask-rcnn_vit-tiny_toy.py")
