# ViT-S: 4e-3 at batch 1024 (8 processes x 128). The paper picks among 1e-3, 2e-3, 4e-3 and 5e-3 (Table 11).
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_beit_200e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="conmim/downstream/ft_vit-tiny_toy.py")

model = dict(backbone=dict(arch="small"), head=dict(in_channels=384))
