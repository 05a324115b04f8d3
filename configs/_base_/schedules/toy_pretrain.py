# The ImageNet schedules in small: a constant share of warm-up, then half a cosine to 0; fp32, as CPUs like it.
_base_ = ["adamw_800e.py"]

optim_wrapper = dict(dtype="float32", optimizer=dict(lr=2e-3))  # lr per 256 images
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=5, begin=1, end=6, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=6)
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=64)
