_base_ = [
    "../_base_/models/cim_vit-b.py",
    "../_base_/datasets/imagenet_224_cim.py",
    "../_base_/schedules/cim_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="cim/vit-tiny_respix_toy.py")

model = dict(**_base_.respix, backbone=dict(arch="small"))
