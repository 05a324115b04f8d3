# Fine-tuning on the built-in pictures, half a minute on two CPU cores: what fine-tunes SimMIM's encoder fine-tunes
# ConMIM's, a table of relative positions per block and a new norm after the mean of the patch tokens.
_base_ = [
    "../../_base_/models/toy_classifier_beit-vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_beit_toy.py",
]

model = dict(
    backbone=dict(rel_pos="block", pos_embed="sincos"), head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1)
)
