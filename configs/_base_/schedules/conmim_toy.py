# The schedule of ConMIM, BEiT and CIM in small; fp32, as CPUs like it.
_base_ = ["conmim_800e.py"]

optim_wrapper = dict(dtype="float32", optimizer=dict(lr=4e-3))  # lr per 256 images
param_scheduler = dict(warmup=1, min_lr=4e-5)
train_cfg = dict(max_epochs=6)
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=64)
