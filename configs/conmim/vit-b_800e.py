# The paper's headline recipe: 2048 images (16 GPUs x 128), lr 5e-4.
_base_ = [
    "../_base_/models/conmim_vit-b.py",
    "../_base_/datasets/imagenet_224_conmim.py",
    "../_base_/schedules/conmim_800e.py",
    "../_base_/momentum_runtime.py",
]
recipe = dict(toy="conmim/vit-tiny_toy.py")
