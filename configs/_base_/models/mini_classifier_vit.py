# The ViT of all mini configs with a classifier of ten classes.
_base_ = ["classifier_vit-b.py", "mini_arch.py"]
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.mini_arch), img_size=32, patch_size=4),
    head=dict(num_classes=10, in_channels=192),
)
