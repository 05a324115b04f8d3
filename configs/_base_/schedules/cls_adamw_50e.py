# ViT-L of MAE: base lr 1e-3 and decay 0.75 as ViT-B in its paper (Table 9), half the epochs. Drop path is 0.2.
_base_ = "cls_adamw_100e.py"

param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 4e-3, T_max=45, begin=5, end=50, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=50)
