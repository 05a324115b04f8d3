# The shorter run that CIM, ConMIM and MMPretrain compare with.
_base_ = [
    "../_base_/models/beit_vit-b.py",
    "../_base_/datasets/imagenet_224_beit.py",
    "../_base_/schedules/beit_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="beit/vit-tiny_toy.py")
