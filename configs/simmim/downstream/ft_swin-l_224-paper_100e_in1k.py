# Swin-L as printed: layer decay 0.75, drop path 0.1, 10 epochs of warm-up, no clipping.
_base_ = [
    "../../_base_/models/classifier_ft_swin-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_simmim_100e_paper.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_swin-tiny_toy.py")

model = dict(backbone=dict(arch="large", window_size=14), head=dict(in_channels=1536))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
