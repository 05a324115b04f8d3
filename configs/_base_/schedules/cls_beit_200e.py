# ViT-S of CIM (Table 14) and ConMIM (Table 11): 200 epochs, 5 of warm-up, decay 0.8.
# Both pick the lr: CIM 3e-3 or 4e-3, ConMIM the best of 1e-3, 2e-3, 4e-3 and 5e-3.
_base_ = "cls_beit_100e.py"

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 4e-3, T_max=195, begin=5, end=200, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=200)
