# ViT-B: 4e-3 at batch 1024 (8 processes x 128), as in the authors' repository; Table 11 has the best of four.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_beit_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="conmim/downstream/ft_vit-tiny_toy.py")
