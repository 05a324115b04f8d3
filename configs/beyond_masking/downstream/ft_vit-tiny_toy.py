# Fine-tuning on the built-in pictures, about a minute on two CPU cores: the class token, as in ft_vit-b_100e_in1k.py.
_base_ = "../../mae/downstream/ft_vit-tiny_toy.py"

model = dict(backbone=dict(out_type="cls", final_norm=True), head=dict(norm=[]))
