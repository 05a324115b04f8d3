# SwinV2-H: 50 epochs, layer decay 0.7 (paper). Its warm-up is not told: 20 epochs as for the others.
# 2048 images as 64 processes x 32.
_base_ = [
    "../../_base_/models/classifier_ft_swinv2-h.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]

train_dataloader = dict(batch_size=32)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
param_scheduler = dict(end=50)
train_cfg = dict(max_epochs=50)
