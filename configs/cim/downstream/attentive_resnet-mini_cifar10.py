# Attentive probe of the ResNet, frozen.
_base_ = [
    "../../_base_/models/mini_classifier_resnet.py",
    "../../_base_/datasets/cls_cifar10_64.py",
    "../../_base_/schedules/mini_attentive.py",
]

model = dict(
    backbone=dict(out_type="raw", frozen_stages=4),
    neck=dict(type="AttentivePooling", num_heads=8),
    head=dict(norm="bn", init_std=0.01),
)
