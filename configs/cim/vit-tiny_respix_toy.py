# CIM with a small ViT on the built-in pictures, a few minutes on two CPU cores: pixels.
_base_ = "../_base_/recipes/cim_vit_toy.py"

model = dict(**_base_.respix)
