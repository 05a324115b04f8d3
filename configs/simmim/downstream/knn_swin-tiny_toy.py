# k-NN on the built-in pictures with tools/knn.py: mean of the normed tokens.
_base_ = [
    "../../_base_/models/toy_classifier_swin.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]
recipe = dict(task="knn")

model = dict(backbone=dict(window_size=4, frozen_stages=3), head=dict(norm="bn", init_std=0.01))
