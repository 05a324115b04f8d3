# Table 14: RevDet fine-tunes best with 5e-3; otherwise as ft_vit-b_respix_100e_in1k.py.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug_crop95.py",
    "../../_base_/schedules/cls_cim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="cim/downstream/ft_vit-tiny_toy.py")

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
optim_wrapper = dict(optimizer=dict(lr=5e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 5e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
