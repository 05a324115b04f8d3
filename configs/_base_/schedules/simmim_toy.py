# SimMIM's 100-epoch schedule in small; fp32, as CPUs like it.
_base_ = ["simmim_100e.py"]

optim_wrapper = dict(dtype="float32", optimizer=dict(lr=4e-3))  # lr per 512 images
param_scheduler = dict(warmup=1, warmup_lr=4e-5, min_lr=4e-5)
train_cfg = dict(max_epochs=6)
auto_scale_lr = dict(recipe_batch_size=64)
