# COCO, Mask R-CNN 1x on ResNet-50, with mmdet's recipe. The paper has no results on COCO.
_base_ = [
    "../../_base_/models/mask-rcnn_resnet-fpn.py",
    "../../_base_/datasets/coco_1333x800.py",
    "../../_base_/schedules/det_sgd_1x.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="cim/downstream/mask-rcnn_resnet-tiny_toy.py")
