# CIM, Table 15: half the weight decay.
_base_ = "cls_rsb_100e.py"

optim_wrapper = dict(optimizer=dict(weight_decay=0.01))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 12e-3, T_max=595, begin=5, end=600, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=600)
