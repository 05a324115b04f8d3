# Fine-tuning in small on a tenth of the labels: 200 of each class of CIFAR-10.
_base_ = "mini_ft.py"

param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-3, T_max=35, begin=5, end=40, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=40, val_interval=20)
default_hooks = dict(logger=dict(interval=15), checkpoint=dict(interval=40))
