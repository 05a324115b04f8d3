_base_ = "../../ccmim/downstream/ft_vit-tiny_toy.py"
