# The schedule of MAE in small, for some 20,000 photographs.
_base_ = ["adamw_800e.py"]

optim_wrapper = dict(optimizer=dict(lr=1e-3))  # per 256 images
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=2, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=18, begin=2, end=20, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=20)
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=256)
