_base_ = [
    "../_base_/models/cim_resnet50.py",
    "../_base_/datasets/imagenet_224_cim.py",
    "../_base_/schedules/cim_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="cim/resnet-tiny_revdet_toy.py")

model = dict(**_base_.revdet)
