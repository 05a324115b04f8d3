# 4e-3 at batch 1024 (8 processes x 128), layer decay 0.65, 20 epochs of warm-up: BEiT's repository.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_beit_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="beit/downstream/ft_vit-tiny_toy.py")
