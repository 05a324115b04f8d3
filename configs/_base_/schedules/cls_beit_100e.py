# Fine-tuning of BEiT's ViT-B (its repository), which ConMIM takes over (Table 11): 4e-3 at batch 1024, decay 0.65,
# 20 epochs of warm-up. The lr is the one at 1024 images. BEiT's code decays tables of relative positions.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(optimizer=dict(lr=4e-3), paramwise_cfg=dict(layer_decay_rate=0.65, decay_rel_pos=True))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=20, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 4e-3, T_max=80, begin=20, end=100, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=1024, recipe_batch_size=1024)
