# Settings of ViT-L are ours, the paper gives none: those of ViT-B, 2048 images as 32 GPUs x 64, and a deeper generator.
_base_ = ["vit-b_revdet_300e.py"]

model = dict(backbone=dict(arch="large"), generator=dict(depth=6))
train_dataloader = dict(batch_size=64)
