# The fine-tuning of SimMIM's ablations: 192 pixels, window 6, layer decay 0.9, 5e-3 at batch 2048 (16 processes x 128).
_base_ = [
    "../../_base_/models/classifier_ft_swin-b.py",
    "../../_base_/datasets/cls_imagenet_192_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_swin-tiny_toy.py")

model = dict(backbone=dict(img_size=192, window_size=6))
