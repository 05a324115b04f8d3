# Not in the paper: the authors' repository, 2048 images (32 GPUs x 64).
_base_ = [
    "../_base_/models/conmim_vit-b.py",
    "../_base_/datasets/imagenet_224_conmim.py",
    "../_base_/schedules/conmim_800e.py",
    "../_base_/momentum_runtime.py",
]
recipe = dict(toy="conmim/vit-tiny_toy.py")

model = dict(backbone=dict(arch="large", layer_scale=1e-5))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=7.5e-4), clip_grad=dict(max_norm=1.0))
