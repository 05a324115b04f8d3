# SimMIM with a small ViT on the built-in pictures, minutes on two CPU cores.
_base_ = [
    "../_base_/models/simmim_vit-b.py",
    "../_base_/models/toy_arch.py",
    "../_base_/datasets/toy_64_pretrain.py",
    "../_base_/schedules/simmim_toy.py",
    "../_base_/toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8, drop_path_rate=0.0),
    masker=dict(cell_size=8),
)
optim_wrapper = dict(optimizer=dict(lr=1.6e-2))  # of 4e-3 and 1.6e-2, the one that leaves the plateau of mean colours
