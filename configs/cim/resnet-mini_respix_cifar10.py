# CIM with a small ResNet on photographs of 32 pixels: --data DIR; it recovers pixels.
_base_ = "../_base_/recipes/cim_resnet_mini.py"

model = dict(**_base_.respix)
