# Settings are those of ResNet-50, 2048 images as 32 GPUs x 64; the paper gives none of its own.
_base_ = [
    "../_base_/models/cim_resnet50.py",
    "../_base_/datasets/imagenet_224_cim.py",
    "../_base_/schedules/cim_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="cim/resnet-tiny_revdet_toy.py")

model = dict(**_base_.revdet, backbone=dict(width=4))
train_dataloader = dict(batch_size=64)
