# UperNet on the built-in pictures, about two minutes on two CPU cores.
_base_ = ["../../ccmim/downstream/upernet_vit-tiny_toy.py"]
