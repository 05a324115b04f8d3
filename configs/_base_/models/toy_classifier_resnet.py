# The ResNet of all toy configs with a classifier of the eight materials, which sees the mean of the 2 x 2 cells.
_base_ = ["classifier_vit-b.py", "toy_resnet.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=_base_.toy_resnet,
        img_size=64,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=512),
)
