# Table 14: RevDet fine-tunes best with 5e-3.
_base_ = "ft_vit-b_100e_in1k-respix.py"

optim_wrapper = dict(optimizer=dict(lr=5e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 5e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
