# Fine-tuning on the built-in pictures, half a minute on two CPU cores: CIM's plain ViT, a new norm after the mean.
_base_ = [
    "../../_base_/models/toy_classifier_beit-vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_beit_toy.py",
]

model = dict(
    backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"),
    head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1),
)
