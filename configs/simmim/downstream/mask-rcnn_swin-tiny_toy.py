# Mask R-CNN on the built-in pictures, about a minute on two CPU cores; window and input size as in
# upernet_swin-tiny_toy.py. The last stage has stride 8, the two levels above it are pooled by the FPN.
_base_ = [
    "../../_base_/models/mask-rcnn_swin.py",
    "../../_base_/models/toy_swin.py",
    "../../_base_/models/toy_mask-rcnn.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_swin),
        img_size=96,
        patch_size=2,
        window_size=6,
        out_indices=[0, 1, 2],
        drop_path_rate=0.0,
    ),
    neck=dict(in_channels=[32, 64, 128], out_channels=32),
    rpn_head=dict(in_channels=32, feat_channels=32, anchor_generator=dict(scales=[4], strides=[2, 4, 8, 16, 32])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32, featmap_strides=[2, 4, 8], finest_scale=14),
        bbox_head=dict(in_channels=32, fc_out_channels=64, num_classes=2),
        mask_roi_extractor=dict(out_channels=32, featmap_strides=[2, 4, 8], finest_scale=14),
        mask_head=dict(in_channels=32, conv_out_channels=32, num_classes=2),
    ),
    **_base_.toy_boxes,
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=20),
    dict(type="MultiStepLR", milestones=[3], gamma=0.1, by_epoch=True, begin=0, end=4),
]
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(checkpoint=dict(interval=4))
