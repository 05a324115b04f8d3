# The Swin of all toy configs with a classifier of the eight materials, which sees the mean of the normed tokens.
_base_ = ["classifier_vit-b.py", "toy_swin.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch=_base_.toy_swin,
        img_size=64,
        patch_size=2,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=128),
)
