# Mask R-CNN on the built-in pictures, about two minutes on two CPU cores, with CIM's plain ViT.
_base_ = [
    "../../_base_/models/toy_mask-rcnn_beit.py",
    "../../_base_/datasets/toy_coco.py",
    "../../_base_/schedules/det_toy.py",
]

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
