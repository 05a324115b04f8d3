# Not in the paper: the authors' repository, 2048 images (32 GPUs x 64).
_base_ = ["vit-b_800e.py"]

model = dict(backbone=dict(arch="large", layer_scale=1e-5))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=7.5e-4), clip_grad=dict(max_norm=1.0))
