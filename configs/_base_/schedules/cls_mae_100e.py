# Fine-tuning of ViT-B with the values of MAE's repository for checkpoints of normalised pixels: 2e-3 at batch 1024.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(optimizer=dict(lr=5e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 2e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
