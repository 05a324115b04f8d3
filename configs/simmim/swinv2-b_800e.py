# SimMIM as the Swin repository runs it with SwinV2: window 12, targets normalised by windows of 47 pixels.
_base_ = [
    "../_base_/models/simmim_swinv2-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/swin-tiny_toy.py")
