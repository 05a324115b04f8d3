# Attentive probe of Swin, frozen.
_base_ = [
    "../models/mini_classifier_swin.py",
    "../datasets/cls_cifar10_32.py",
    "../schedules/mini_attentive.py",
]

model = dict(
    backbone=dict(out_type="raw", frozen_stages=3),
    neck=dict(type="AttentivePooling", num_heads=8),
    head=dict(norm="bn", init_std=0.01),
)
