# Mask R-CNN on the built-in pictures, a minute on two CPU cores: four stages, strides 4 to 32, feed the FPN.
_base_ = [
    "../../_base_/models/mask-rcnn_resnet-fpn.py",
    "../../_base_/models/toy_resnet.py",
    "../../_base_/models/toy_mask-rcnn.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]
model = dict(
    backbone=dict(depth=dict(_delete_=True, **_base_.toy_resnet), img_size=64),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=32),
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
