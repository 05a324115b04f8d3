# UperNet on the built-in pictures, about a minute on two CPU cores, with the toy's absolute positions.
_base_ = ["../../simmim/downstream/upernet_vit-tiny_toy.py"]
model = dict(backbone=dict(pos_embed="sincos"))
