# Fine-tuning on the built-in pictures, about a minute on two CPU cores: the recipe of ft_vit-b_100e_in1k.py with
# everything small.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8, freeze_pos=False),
    head=dict(num_classes=8, in_channels=128, norm="ln", init_std=2e-5, label_smoothing=0.1),
)
