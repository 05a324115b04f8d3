# The tasks of Beyond Masking on photographs of 32 pixels share data, schedule and size.
_base_ = [
    "../models/beyond_masking_vit-b.py",
    "../models/mini_arch.py",
    "../datasets/cifar10_32_pretrain.py",
    "../schedules/mini_pretrain.py",
    "../mini_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.mini_arch), img_size=32, patch_size=4),
    neck=dict(dims=96, depth=2, num_heads=3),
    target_generator=dict(norm_pix="patch"),
)
