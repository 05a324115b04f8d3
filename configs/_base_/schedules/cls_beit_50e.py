# ViT-L of BEiT (its repository): 1e-3 at batch 1024, decay 0.75, 5 epochs of warm-up. Drop path is 0.2.
_base_ = "cls_beit_100e.py"

optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=0.75))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 1e-3, T_max=45, begin=5, end=50, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=50)
