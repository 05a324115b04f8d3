_base_ = "cls_rsb_100e.py"

param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 12e-3, T_max=295, begin=5, end=300, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=300)
