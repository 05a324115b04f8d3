# The same with BEiT's ViT.
_base_ = ["upernet_vit.py", "toy_beit.py"]
model = dict(
    data_preprocessor=dict(size=(96, 96), test_cfg=dict(size_divisor=8)),
    backbone=dict(_delete_=True, **_base_.toy_beit),
    neck=dict(in_channels=128, scales=(2, 1, 0.5, 0.25)),
    decode_head=dict(in_channels=[128] * 4, channels=64, num_classes=3),
    auxiliary_head=dict(in_channels=128, channels=64, num_classes=3),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)
