# Linear probe on the built-in pictures, under a minute on two CPU cores: the mean patch token of CIM's frozen ViT.
_base_ = ["../../conmim/downstream/linear_vit-tiny_toy.py"]
model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
