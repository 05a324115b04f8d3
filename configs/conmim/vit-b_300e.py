# The run behind all ablations.
_base_ = [
    "../_base_/models/conmim_vit-b.py",
    "../_base_/datasets/imagenet_224_conmim.py",
    "../_base_/schedules/conmim_800e.py",
    "../_base_/momentum_runtime.py",
]
recipe = dict(toy="conmim/vit-tiny_toy.py")

train_cfg = dict(max_epochs=300)
