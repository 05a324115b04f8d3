# UperNet on the built-in pictures, about two minutes on two CPU cores.
_base_ = [
    "../../_base_/models/toy_upernet_vit.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy.py",
]
