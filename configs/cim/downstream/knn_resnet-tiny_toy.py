# k-NN on the built-in pictures with tools/knn.py: the mean cell.
_base_ = [
    "../../_base_/models/toy_classifier_resnet.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]
recipe = dict(task="knn")

model = dict(backbone=dict(frozen_stages=4), head=dict(norm="bn", init_std=0.01))
