# SimMIM with a small Swin on photographs of 32 pixels: --data DIR.
_base_ = [
    "../_base_/models/simmim_swin-b.py",
    "../_base_/models/mini_swin.py",
    "../_base_/datasets/cifar10_32_pretrain.py",
    "../_base_/schedules/simmim_mini.py",
    "../_base_/mini_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.mini_swin), img_size=32, patch_size=2, window_size=4),
    masker=dict(cell_size=8),
)
