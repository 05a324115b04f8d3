# SwinV2-H: 50 epochs and layer decay 0.7 (section 4.3); warm-up of 10 epochs and drop path 0.1 as in the ablations, to
# which it refers (section 4.1.1). The cosine begins where the warm-up ends, as in SwinV2's code; clipping is SimMIM's.
# 2048 images as 64 processes x 32.
_base_ = [
    "../../_base_/models/classifier_ft_swinv2-h.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_swin-tiny_toy.py")

train_dataloader = dict(batch_size=32)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
param_scheduler = dict(warmup=10, count_from_zero=False)
train_cfg = dict(max_epochs=50)
