# Fine-tuning of MAE's ViT on all labels.
_base_ = [
    "../models/mini_classifier_vit.py",
    "../datasets/cls_cifar10_32.py",
    "../schedules/mini_ft.py",
]

model = dict(backbone=dict(freeze_pos=False), head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1))
