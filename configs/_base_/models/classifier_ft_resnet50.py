_base_ = ["classifier_ft_vit-b.py"]

# ResNet-50: the mean cell, a linear layer.
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=50,
        img_size=224,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(in_channels=2048, norm=[], init_std=0.01),
)
