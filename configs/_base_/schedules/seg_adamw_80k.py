# SimMIM's ADE20K schedule: 80k iterations of 32 images, layer decay 0.9, the better of lr 1e-4 and 3e-4. Warm-up and
# linear decay, which the paper leaves open, are those of seg_adamw_160k.py.
_base_ = "seg_adamw_160k.py"
optim_wrapper = dict(optimizer=dict(lr=1e-4), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type="PolyLR", power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=80000),
]
train_cfg = dict(max_iters=80000, val_interval=8000)
# The lr is absolute, for 32 images per update (8 GPUs x 4).
auto_scale_lr = dict(base_batch_size=32, recipe_batch_size=32)
