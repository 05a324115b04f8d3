# From what ft_vit-l_50e_in1k.py wrote, with its layer decay: a tenth of its epochs. 512 images as 16 processes x 32.
_base_ = "ft384_vit-b_10e_in1k.py"

model = dict(backbone=dict(arch="large", layer_scale=1e-5, drop_path_rate=0.2), head=dict(in_channels=1024))
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=5)
