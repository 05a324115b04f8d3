# Fine-tuning on the built-in pictures, about a minute on two CPU cores: the recipe of ft_vit-b_100e_in1k.py with
# everything small.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]

model = dict(backbone=dict(freeze_pos=False), head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1))
