# SimMIM's ViT-B as printed: 10 epochs of warm-up, no clipping, layer decay 0.65.
_base_ = [
    "../../_base_/models/classifier_ft_beit-vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_simmim_100e_paper.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_vit-tiny_toy.py")

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.65, decay_rel_pos=True))
