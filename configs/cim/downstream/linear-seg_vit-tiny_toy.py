# One linear layer on the last map, on the built-in pictures, about a minute on two CPU cores.
_base_ = [
    "../../_base_/models/linear-seg_vit.py",
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
        out_indices=[5],
        rel_pos="none",
        pos_embed="learned",
        layer_scale=None,
        qkv_bias="qkv",
        drop_path_rate=0.0,
    ),
    decode_head=dict(in_channels=128, channels=128, num_classes=3),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)
