# Fine-tuning on the built-in pictures, about a minute on two CPU cores: the class token, as in ft_vit-b_100e_in1k.py.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]

model = dict(
    backbone=dict(out_type="cls", final_norm=True, freeze_pos=False),
    head=dict(norm=[], init_std=2e-5, label_smoothing=0.1),
)
