_base_ = [
    "../_base_/models/simmim_swin-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/swin-tiny_toy.py")

# Stages 3 and 4 are one window of 12 x 12 and of 6 x 6: a table of 121 rows, not 529.
model = dict(backbone=dict(arch="large", window_size=12))
