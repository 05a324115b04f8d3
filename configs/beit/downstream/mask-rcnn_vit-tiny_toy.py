# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores, with the toy's absolute positions.
_base_ = ["../../simmim/downstream/mask-rcnn_vit-tiny_toy.py"]
model = dict(backbone=dict(pos_embed="sincos"))
