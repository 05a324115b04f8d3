# ccMIM with a small ViT on photographs of 32 pixels: --data DIR.
_base_ = [
    "../_base_/models/ccmim_vit-b.py",
    "../_base_/models/mini_arch.py",
    "../_base_/datasets/cifar10_32_pretrain.py",
    "../_base_/schedules/mini_pretrain.py",
    "../_base_/mini_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.mini_arch), img_size=32, patch_size=4),
    neck=dict(dims=96, num_heads=3),
)
