# Attentive probe of BEiT's ViT, frozen.
_base_ = [
    "../../_base_/models/mini_classifier_beit-vit.py",
    "../../_base_/datasets/cls_cifar10_32.py",
    "../../_base_/schedules/mini_attentive.py",
]

model = dict(
    backbone=dict(pos_embed="learned", out_type="raw", final_norm=False, frozen_stages=6),
    neck=dict(type="AttentivePooling"),
    head=dict(norm="bn", init_std=0.01),
)
