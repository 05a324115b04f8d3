# FCN on the built-in pictures, a minute on two CPU cores. Pre-trained with stride 32, run with stride 8.
_base_ = [
    "../../_base_/models/fcn_resnet.py",
    "../../_base_/models/toy_resnet.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy.py",
]
model = dict(
    data_preprocessor=dict(size=(96, 96)),
    backbone=dict(depth=dict(_delete_=True, **_base_.toy_resnet), img_size=96),
    decode_head=dict(in_channels=512, channels=64, num_classes=3),
    auxiliary_head=dict(in_channels=256, channels=32, num_classes=3),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3), paramwise_cfg=dict(layer_decay_rate=1.0))
