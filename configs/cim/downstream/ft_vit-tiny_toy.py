# Fine-tuning on the built-in pictures, half a minute on two CPU cores: CIM's plain ViT, a new norm after the mean.
_base_ = ["../../simmim/downstream/ft_vit-tiny_toy.py"]
model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
