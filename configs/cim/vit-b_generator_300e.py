# The generator alone: its checkpoint is for runs with generator.frozen (table10, fixed).
_base_ = [
    "../_base_/models/cim_generator.py",
    "../_base_/datasets/imagenet_224_cim.py",
    "../_base_/schedules/cim_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="cim/vit-tiny_generator_toy.py")
