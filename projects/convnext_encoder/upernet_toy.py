# UperNet on the built-in pictures, a minute on two CPU cores: the four stages are its pyramid.
_base_ = [
    "../../configs/_base_/models/upernet_swin.py",
    "../../configs/_base_/datasets/toy_ade20k.py",
    "../../configs/_base_/schedules/seg_toy.py",
    "_base_/toy_convnext.py",
]
custom_imports = dict(imports=["mmmim.compat.openmmlab", "projects.convnext_encoder"])
model = dict(
    data_preprocessor=dict(size=(96, 96)),
    backbone=dict(
        _delete_=True,
        type="mmmim.ConvNeXt",
        arch=_base_.toy_convnext,
        img_size=96,
        mask_mode=None,
        out_type="featmap",
        out_indices=[0, 1, 2, 3],
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    decode_head=dict(in_channels=_base_.toy_convnext["dims"], channels=64, num_classes=3),
    auxiliary_head=dict(in_channels=128, channels=64, num_classes=3),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)
