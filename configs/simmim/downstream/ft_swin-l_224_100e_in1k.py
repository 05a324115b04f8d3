# Swin-L: window 14 (from 12). Layer decay 0.7 and drop path 0.2 are the code's; ft_swin-l_224-paper_100e_in1k.py has
# the paper's 0.75 and 0.1. 2048 images as 32 processes x 64.
_base_ = [
    "../../_base_/models/classifier_ft_swin-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_swin-tiny_toy.py")

model = dict(backbone=dict(arch="large", window_size=14, drop_path_rate=0.2), head=dict(in_channels=1536))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
