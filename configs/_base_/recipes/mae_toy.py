# MAE on the built-in pictures, about two minutes on two CPU cores.
_base_ = [
    "../models/mae_vit-b.py",
    "../models/toy_arch.py",
    "../datasets/toy_64_pretrain.py",
    "../schedules/toy_pretrain.py",
    "../toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8),
    neck=dict(dims=64, depth=2, num_heads=4),
)
