# Mask R-CNN on the built-in pictures, about a minute on two CPU cores; window and input size as in
# upernet_swin-tiny_toy.py. The last stage has stride 8, the two levels above it are pooled by the FPN.
_base_ = [
    "../../_base_/models/mask-rcnn_swin.py",
    "../../_base_/models/toy_swin.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
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
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100)),
)
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    constructor="mmmim.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.9),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=20),
    dict(type="MultiStepLR", milestones=[3], gamma=0.1, by_epoch=True, begin=0, end=4),
]
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=4))
auto_scale_lr = dict(base_batch_size=4, recipe_batch_size=4)
