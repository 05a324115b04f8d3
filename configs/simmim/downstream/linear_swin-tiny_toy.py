# Linear probe on the built-in pictures, about a minute on two CPU cores: the frozen encoder's mean token, normed over
# the batch.
_base_ = [
    "../../_base_/models/toy_classifier_swin.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(backbone=dict(window_size=4, frozen_stages=3), head=dict(norm="bn", init_std=0.01))
