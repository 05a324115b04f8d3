# Settings of ViT-L are ours, the paper gives none: those of ViT-B, 2048 images as 32 GPUs x 64, and a deeper generator.
_base_ = [
    "../_base_/models/cim_vit-b.py",
    "../_base_/datasets/imagenet_224_cim.py",
    "../_base_/schedules/cim_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="cim/vit-tiny_revdet_toy.py")

model = dict(**_base_.revdet, backbone=dict(arch="large"), generator=dict(depth=6))
train_dataloader = dict(batch_size=64)
