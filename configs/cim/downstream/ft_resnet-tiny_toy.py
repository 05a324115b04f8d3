# Fine-tuning on the built-in pictures, under a minute on two CPU cores: the mean of the 2 x 2 cells, norms per process.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_resnet.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]
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
    head=dict(num_classes=8, in_channels=512, init_std=0.01, label_smoothing=0.1),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
