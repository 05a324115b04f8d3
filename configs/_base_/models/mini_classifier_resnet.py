# The ResNet of the mini configs with a classifier of ten classes, which sees the mean of the 2 x 2 cells.
_base_ = ["classifier_vit-b.py", "mini_resnet.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=_base_.mini_resnet,
        img_size=64,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=10, in_channels=1024),
)
