# Linear probe of SimMIM: 100 epochs, 5 of warm-up (paper); AdamW, 4e-3 at batch 1024, weight decay 1e-4 and a cosine
# to 0 are those of BEiT's linear evaluation, as SimMIM gives none.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(optimizer=dict(lr=4e-3, weight_decay=1e-4), paramwise_cfg=dict(layer_decay_rate=1.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=1024, recipe_batch_size=1024)
