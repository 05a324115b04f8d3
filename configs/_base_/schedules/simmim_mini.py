# SimMIM's 100-epoch schedule in small, for some 20,000 photographs.
_base_ = ["simmim_100e.py"]

optim_wrapper = dict(optimizer=dict(lr=2e-3))  # per 512 images
param_scheduler = dict(warmup=2, warmup_lr=1e-6, min_lr=1e-5)
train_cfg = dict(max_epochs=20)
auto_scale_lr = dict(recipe_batch_size=256)
