# k-NN on the built-in pictures with tools/knn.py: mean of the patch tokens after the final norm, all training pictures.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]
recipe = dict(task="knn")

model = dict(backbone=dict(final_norm=True, frozen_stages=6), head=dict(norm=["ln_fixed", "bn"], init_std=0.01))
