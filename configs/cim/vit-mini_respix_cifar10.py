# CIM with a small ViT on photographs of 32 pixels: --data DIR; it recovers pixels.
_base_ = "../_base_/recipes/cim_vit_mini.py"

model = dict(**_base_.respix)
