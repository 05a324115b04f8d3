# SimMIM with a small Swin on the built-in pictures, minutes on two CPU cores.
_base_ = [
    "../_base_/models/simmim_swin-b.py",
    "../_base_/models/toy_swin.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/simmim_toy.py",
    "../_base_/toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_swin), img_size=64, patch_size=2, window_size=4),
    masker=dict(cell_size=8),
)
