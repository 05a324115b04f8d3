# One linear layer on the last map of the ViT of all toy configs, at 96 pixels.
_base_ = ["linear-seg_vit.py", "toy_arch.py"]
model = dict(
    data_preprocessor=dict(size=(96, 96), test_cfg=dict(size_divisor=8)),
    backbone=dict(
        arch=dict(_delete_=True, **_base_.toy_arch), img_size=96, patch_size=8, out_indices=[5], drop_path_rate=0.0
    ),
    decode_head=dict(in_channels=128, channels=128, num_classes=3),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)
