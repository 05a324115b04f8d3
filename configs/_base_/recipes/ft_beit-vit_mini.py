# Fine-tuning of BEiT's ViT on all labels.
_base_ = [
    "../models/mini_classifier_beit-vit.py",
    "../datasets/cls_cifar10_32.py",
    "../schedules/mini_ft.py",
]

model = dict(head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1))
