# 384 pixels for a tenth of the epochs (paper), from what ft_vit-b_100e_in1k.py wrote, head included (--checkpoint).
# 512 images as 8 processes x 64.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_384_randaug.py",
    "../../_base_/schedules/cls_384.py",
    "../../_base_/cls_after_ft_runtime.py",
]
recipe = dict(toy="conmim/downstream/ft96_vit-tiny_toy.py", after="conmim/downstream/ft_vit-b_100e_in1k.py")

model = dict(backbone=dict(img_size=384), head=dict(init_cfg=dict(type="Pretrained", checkpoint=None, prefix="head.")))
train_dataloader = dict(batch_size=64)
train_cfg = dict(max_epochs=10)
