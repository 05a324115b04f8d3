# Fine-tuning of BEiT's ViT on all labels.
_base_ = [
    "../../_base_/models/mini_classifier_beit-vit.py",
    "../../_base_/datasets/cls_cifar10_32.py",
    "../../_base_/schedules/mini_ft.py",
]

model = dict(
    backbone=dict(pos_embed="learned"),
    head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1),
)
