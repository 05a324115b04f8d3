# UperNet on the built-in pictures, about a minute on two CPU cores. Pre-trained at 64 pixels with windows of 4, run at
# 96 with windows of 6: the tables of relative positions are resized. The first of the three stages has stride 2.
_base_ = [
    "../../_base_/models/upernet_swin.py",
    "../../_base_/models/toy_swin.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy.py",
]
model = dict(
    data_preprocessor=dict(size=(96, 96), test_cfg=dict(size_divisor=8)),
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_swin),
        img_size=96,
        patch_size=2,
        window_size=6,
        out_indices=[0, 1, 2],
        drop_path_rate=0.0,
    ),
    decode_head=dict(in_channels=[32, 64, 128], in_index=[0, 1, 2], channels=64, num_classes=3),
    auxiliary_head=dict(in_channels=64, in_index=1, channels=64, num_classes=3),
    test_cfg=dict(mode="slide", crop_size=(96, 96), stride=(64, 64)),
)
optim_wrapper = dict(optimizer=dict(lr=6e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=20),
    dict(type="PolyLR", power=1.0, eta_min=0.0, by_epoch=False, begin=20, end=160),
]
train_cfg = dict(max_iters=160, val_interval=160)
default_hooks = dict(checkpoint=dict(interval=160))
