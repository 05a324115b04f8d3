# 2048 images as 32 processes x 64.
_base_ = "ft_resnet50x2_100e_in1k.py"

model = dict(backbone=dict(width=4), head=dict(in_channels=8192))
train_dataloader = dict(batch_size=64)
