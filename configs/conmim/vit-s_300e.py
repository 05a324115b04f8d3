# Cells of one patch: 147 of 196 patches are hidden.
_base_ = [
    "../_base_/models/conmim_vit-b.py",
    "../_base_/datasets/imagenet_224_conmim.py",
    "../_base_/schedules/conmim_800e.py",
    "../_base_/momentum_runtime.py",
]
recipe = dict(toy="conmim/vit-tiny_toy.py")

model = dict(backbone=dict(arch="small", drop_path_rate=0.1), masker=dict(cell_size=16))
train_cfg = dict(max_epochs=300)
