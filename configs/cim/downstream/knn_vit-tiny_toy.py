_base_ = "linear_vit-tiny_toy.py"

model = dict(backbone=dict(final_norm=True))
