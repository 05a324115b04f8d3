# ccMIM on the built-in pictures: the whole method in about two minutes on two CPU cores.
_base_ = [
    "../_base_/models/ccmim_vit-b.py",
    "../_base_/models/toy_arch.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/toy_pretrain.py",
    "../_base_/toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8),
    neck=dict(dims=64, num_heads=4),
)
