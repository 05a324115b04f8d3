# COCO, Mask R-CNN, 100 epochs of large-scale jitter: ViTDet's recipe. The plain ViT with windows is BEiTViT without
# BEiT's additions.
_base_ = [
    "../../_base_/models/mask-rcnn_vitdet.py",
    "../../_base_/datasets/coco_lsj.py",
    "../../_base_/schedules/det_adamw_100e.py",
    "../../_base_/det_runtime.py",
]
recipe = dict(toy="mae/downstream/mask-rcnn_vit-tiny_toy.py")

model = dict(backbone=dict(pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
