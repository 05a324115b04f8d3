# Fine-tuning goes on at 96 pixels, from what ft_vit-tiny_toy.py wrote, head included; under a minute on two CPU cores.
_base_ = "../../conmim/downstream/ft96_vit-tiny_toy.py"
