# The ViT of all toy configs with a classifier of the eight materials.
_base_ = ["classifier_vit-b.py", "toy_arch.py"]
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8),
    head=dict(num_classes=8, in_channels=128),
)
