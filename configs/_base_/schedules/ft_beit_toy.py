# The same for BEiT's ViT.
_base_ = "ft_toy.py"
optim_wrapper = dict(optimizer=dict(lr=8e-3), paramwise_cfg=dict(layer_decay_rate=0.9))
