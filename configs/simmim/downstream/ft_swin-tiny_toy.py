# Fine-tuning on the built-in pictures, about a minute on two CPU cores. Windows of 8 after windows of 4: the tables of
# relative positions are resized. The head sees the mean of the normed tokens.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_swin.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch=_base_.toy_swin,
        img_size=64,
        patch_size=2,
        window_size=8,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=128, init_std=0.02, label_smoothing=0.1),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-3, T_max=5, begin=1, end=6, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=6, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=6))
