# Fine-tuning on the built-in pictures, about a minute on two CPU cores. Windows of 8 after windows of 4: the tables of
# relative positions are resized. The head sees the mean of the normed tokens.
_base_ = [
    "../../_base_/models/toy_classifier_swin.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]

model = dict(backbone=dict(window_size=8), head=dict(init_std=0.02, label_smoothing=0.1))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-3, T_max=5, begin=1, end=6, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=6, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=6))
