# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores.
_base_ = ["../../ccmim/downstream/mask-rcnn_vit-tiny_toy.py"]
