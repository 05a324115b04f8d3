# ViT-L as MAE's repository: 4e-3 at batch 1024 (32 processes x 32), layer decay 0.75, drop path 0.2.
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_adamw_50e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="mae/downstream/ft_vit-tiny_toy.py")

model = dict(backbone=dict(arch="large", drop_path_rate=0.2), head=dict(in_channels=1024))
train_dataloader = dict(batch_size=32)
