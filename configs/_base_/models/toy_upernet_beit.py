# The same with BEiT's ViT: every block starts from a copy of the shared table of relative positions, resized from 64 to
# 96 pixels.
_base_ = ["upernet_vit.py", "toy_arch.py"]
model = dict(
    data_preprocessor=dict(size=(96, 96), test_cfg=dict(size_divisor=8)),
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch=_base_.toy_arch,
        img_size=96,
        patch_size=8,
        rel_pos="block",
        mask_mode=None,
        out_type="featmap",
        out_indices=[1, 3, 4, 5],
        final_norm=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=dict(in_channels=128, scales=(2, 1, 0.5, 0.25)),
    decode_head=dict(in_channels=[128] * 4, channels=64, num_classes=3),
    auxiliary_head=dict(in_channels=128, channels=64, num_classes=3),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)
