# From what ft_vit-s_200e_in1k.py wrote, with its layer decay.
_base_ = "ft384_vit-b_10e_in1k.py"

model = dict(backbone=dict(arch="small"), head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_epochs=20)
