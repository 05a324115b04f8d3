# UperNet on the built-in pictures, about a minute on two CPU cores: every block starts from a copy of the shared table
# of relative positions, resized from 64 to 96 pixels.
_base_ = [
    "../../_base_/models/toy_upernet_beit.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy_200.py",
]
