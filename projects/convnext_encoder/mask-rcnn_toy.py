# Mask R-CNN on the built-in pictures, a minute on two CPU cores: four stages, strides 4 to 32, feed the FPN.
_base_ = [
    "../../configs/_base_/models/mask-rcnn_swin.py",
    "../../configs/_base_/models/toy_mask-rcnn.py",
    "../../configs/_base_/datasets/toy_coco.py",
    "../../configs/_base_/schedules/det_toy.py",
    "_base_/toy_convnext.py",
]
custom_imports = dict(imports=["mmmim.compat.openmmlab", "projects.convnext_encoder"])
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ConvNeXt",
        arch=_base_.toy_convnext,
        img_size=96,
        mask_mode=None,
        out_type="featmap",
        out_indices=[0, 1, 2, 3],
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=dict(in_channels=_base_.toy_convnext["dims"], out_channels=32),
    rpn_head=_base_.toy_rpn_head,
    roi_head=_base_.toy_roi_head,
    **_base_.toy_boxes,
)
