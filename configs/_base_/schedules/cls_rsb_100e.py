# ResNets of CIM (Table 15): AdamW with 12e-3 at batch 2048, weight decay 0.02, 5 epochs of warm-up, no layer decay.
# The last lr, 1e-6, is that of BEiT's code, which CIM builds on.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(optimizer=dict(lr=12e-3, weight_decay=0.02), paramwise_cfg=dict(layer_decay_rate=1.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 12e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=2048, recipe_batch_size=2048)
