# Swin-B after 800 epochs: 224 pixels, window 7 (its tables are resized from 6), layer decay 0.8.
_base_ = [
    "../../_base_/models/classifier_ft_swin-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_swin-tiny_toy.py")

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
