# 2048 images (16 x 128), lr 1e-4 per 512 = 4e-4, a tenth of it from epoch 700 on.
_base_ = [
    "../_base_/models/simmim_swin-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/swin-tiny_toy.py")
