_base_ = "adamw_800e.py"

param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=40, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=260, begin=40, end=300, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=300)
