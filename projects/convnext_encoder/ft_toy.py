# Fine-tuning on the built-in pictures, a minute on two CPU cores: the mean of the cells, then a norm.
_base_ = [
    "../../configs/_base_/models/classifier_vit-b.py",
    "../../configs/_base_/datasets/cls_toy.py",
    "../../configs/_base_/schedules/ft_toy.py",
    "_base_/toy_convnext.py",
]
custom_imports = dict(imports=["projects.convnext_encoder"])
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.ConvNeXt",
        arch=_base_.toy_convnext,
        img_size=64,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=256, norm="ln", init_std=0.02),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.9))
