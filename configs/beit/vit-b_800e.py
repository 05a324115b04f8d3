# The authors' command for ImageNet-1K: 16 x 128 images, lr 1.5e-3, 10 warm-up epochs.
_base_ = [
    "../_base_/models/beit_vit-b.py",
    "../_base_/datasets/imagenet_224_beit.py",
    "../_base_/schedules/beit_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="beit/vit-tiny_toy.py")
