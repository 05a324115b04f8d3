# Settings are those of ResNet-50, 2048 images as 32 GPUs x 64; the paper gives none of its own.
_base_ = ["resnet50_respix_300e.py"]

model = dict(backbone=dict(width=4))
train_dataloader = dict(batch_size=64)
