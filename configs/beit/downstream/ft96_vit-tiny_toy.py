# Fine-tuning goes on at 96 pixels, from what ft_vit-tiny_toy.py wrote, head included; under a minute on two CPU cores.
_base_ = [
    "../../_base_/models/toy_classifier_beit-vit.py",
    "../../_base_/datasets/cls_toy_96.py",
    "../../_base_/schedules/ft_384_toy.py",
]
recipe = dict(after="beit/downstream/ft_vit-tiny_toy.py")

model = dict(
    backbone=dict(img_size=96, rel_pos="block", pos_embed="sincos"),
    head=dict(
        norm="ln", init_std=2e-5, label_smoothing=0.1, init_cfg=dict(type="Pretrained", checkpoint=None, prefix="head.")
    ),
)
