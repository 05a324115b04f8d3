# Linear probe on the built-in pictures, under a minute on two CPU cores: the class token of the final norm.
_base_ = "../../mae/downstream/linear_vit-tiny_toy.py"

model = dict(backbone=dict(out_type="cls", final_norm=True), head=dict(norm="bn"))
