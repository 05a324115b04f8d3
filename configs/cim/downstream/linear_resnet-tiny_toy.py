# Linear probe on the built-in pictures, under a minute on two CPU cores: the frozen encoder's mean cell, normed over
# the batch; its own norms use the statistics of pre-training.
_base_ = [
    "../../_base_/models/toy_classifier_resnet.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(backbone=dict(frozen_stages=4), head=dict(norm="bn", init_std=0.01))
