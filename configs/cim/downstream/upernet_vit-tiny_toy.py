# UperNet on the built-in pictures, about a minute on two CPU cores, with CIM's plain ViT.
_base_ = ["../../simmim/downstream/upernet_vit-tiny_toy.py"]
model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
