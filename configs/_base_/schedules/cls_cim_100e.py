# ViT-B of CIM (Table 14): decay 0.8, 5 epochs of warm-up, 3e-3 (ResPix) or 5e-3 (RevDet) at batch 1024, the best of
# 3e-3, 4e-3 and 5e-3. Here 3e-3.
_base_ = "cls_beit_100e.py"

optim_wrapper = dict(optimizer=dict(lr=3e-3), paramwise_cfg=dict(layer_decay_rate=0.8))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 3e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
