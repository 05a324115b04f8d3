# The Swin of the mini configs with a classifier of ten classes, which sees the mean of the normed tokens.
_base_ = ["classifier_vit-b.py", "mini_swin.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch=_base_.mini_swin,
        img_size=32,
        patch_size=2,
        window_size=4,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=10, in_channels=256),
)
