# CIM with a small ResNet on the built-in pictures, a few minutes on two CPU cores: pixels.
_base_ = "../_base_/recipes/cim_resnet_toy.py"

model = dict(**_base_.respix)
