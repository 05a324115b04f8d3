# One linear probe per block on the built-in pictures, all six in one pass, under a minute on two CPU cores: accuracies
# block1 to block6 and the best. Mean of the patch tokens, without the final norm.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/linear_toy.py",
]

model = dict(
    backbone=dict(out_indices=[0, 1, 2, 3, 4, 5], frozen_stages=6),  # 0-based
    head=dict(_delete_=True, type="LayerwiseClsHead", num_classes=8, norm=["ln_fixed", "bn"], init_std=0.01),
)
