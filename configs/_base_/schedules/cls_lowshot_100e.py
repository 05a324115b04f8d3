# Semi-ViT's fine-tuning of MAE's ViT-B on few labels (Cai et al., 2022): MAE's at base lr 2.5e-4, decay 0.65, 5e-4 at
# batch 512.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(optimizer=dict(lr=2.5e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 5e-4, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=512)
