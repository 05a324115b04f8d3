# UperNet on the built-in pictures, about two minutes on two CPU cores: the recipe of upernet_vit-b_160k_ade20k.py with
# everything small.
_base_ = [
    "../../_base_/models/upernet_vit.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy.py",
]
model = dict(
    data_preprocessor=dict(size=(96, 96), test_cfg=dict(size_divisor=8)),
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_arch),
        img_size=96,
        patch_size=8,
        out_indices=[1, 3, 4, 5],
        drop_path_rate=0.0,
    ),
    neck=dict(in_channels=128, scales=(2, 1, 0.5, 0.25)),
    decode_head=dict(in_channels=[128] * 4, channels=64, num_classes=3),
    auxiliary_head=dict(in_channels=128, channels=64, num_classes=3),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)
