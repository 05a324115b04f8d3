# The run behind all ablations of the paper: 2048 images (16 x 128), lr 2e-4 per 512 = 8e-4.
_base_ = [
    "../_base_/models/simmim_swin-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_100e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/swin-tiny_toy.py")
