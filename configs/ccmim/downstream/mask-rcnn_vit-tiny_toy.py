# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores: the recipe of mask-rcnn_vit-b_1x_coco.py with
# everything small.
_base_ = [
    "../../_base_/models/mask-rcnn_vit.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_adamw_1x.py",
    "../../_base_/det_runtime.py",
]
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_arch),
        img_size=64,
        patch_size=8,
        out_indices=[1, 3, 4, 5],
        drop_path_rate=0.0,
    ),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=128, scales=(2, 1, 0.5, 0.25), norm_cfg={{_base_.norm_cfg}}),
        dict(type="FPN", in_channels=[128] * 4, out_channels=32, num_outs=5),
    ],
    rpn_head=dict(in_channels=32, feat_channels=32, anchor_generator=dict(scales=[4])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32),
        bbox_head=dict(in_channels=32, conv_out_channels=32, fc_out_channels=64, num_classes=2),
        mask_roi_extractor=dict(out_channels=32),
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
    dict(type="MultiStepLR", milestones=[5], gamma=0.1, by_epoch=True, begin=0, end=6),
]
train_cfg = dict(max_epochs=6, val_interval=6)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=6))
auto_scale_lr = dict(base_batch_size=4, recipe_batch_size=4)
