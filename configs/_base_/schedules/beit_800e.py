# BEiT on ImageNet-1K: optimizer, groups without decay, clipping and curve as ConMIM took them over, with its own lr.
_base_ = ["conmim_800e.py"]

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))  # for 2048 images
