# Attentive probe of a ResNet, frozen.
_base_ = [
    "../models/mini_classifier_resnet.py",
    "../datasets/cls_cifar10_64.py",
    "../schedules/mini_attentive.py",
]

model = dict(
    backbone=dict(out_type="raw", frozen_stages=4),
    neck=dict(type="AttentivePooling", num_heads=8),
    head=dict(norm="bn", init_std=0.01),
)
