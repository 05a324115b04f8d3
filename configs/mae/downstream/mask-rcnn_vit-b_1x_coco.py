# COCO, Mask R-CNN 1x, with ccMIM's recipe for all methods of its Table 2. Published there, box / mask AP: 45.4 / 40.6
# after 300 epochs of pre-training, 48.4 / 42.6 after 1600.
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/datasets/coco_multi_scale.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="mae/downstream/mask-rcnn_vit-tiny_toy.py")
