# ccMIM on Flowers-102: the paper names no epochs; 1000 are iBOT's.
_base_ = "cls_ccmim_360e.py"

param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 3e-4, T_max=995, begin=5, end=1000, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=1000, val_interval=50)
