# The schedule of ConMIM, BEiT and CIM in small, for some 20,000 photographs.
_base_ = ["conmim_800e.py"]

optim_wrapper = dict(optimizer=dict(lr=1e-3))  # per 256 images
param_scheduler = dict(warmup=2)
train_cfg = dict(max_epochs=20)
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=256)
