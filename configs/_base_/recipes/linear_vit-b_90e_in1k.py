# ImageNet linear probe "as MAE" on the mean of the patch tokens: 6.4 at batch 16384 (32 processes x 512).
_base_ = [
    "../models/classifier_vit-b.py",
    "../datasets/cls_imagenet_224.py",
    "../schedules/cls_lars_90e.py",
    "../cls_runtime.py",
]
recipe = dict(task="probe")

model = dict(
    backbone=dict(frozen_stages=12),
    head=dict(norm=["ln_fixed", "bn"], init_std=0.01),
)
train_dataloader = dict(batch_size=512)
