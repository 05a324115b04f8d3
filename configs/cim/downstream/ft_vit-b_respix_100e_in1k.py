# Table 14: 3e-3 at batch 1024 (8 processes x 128), layer decay 0.8, test crop ratio 0.95. Erasing is BEiT's code's.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug_crop95.py",
    "../../_base_/schedules/cls_cim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_vit-tiny_toy.py")

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
