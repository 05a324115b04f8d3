# Fine-tuning on the built-in pictures, half a minute on two CPU cores: a table of relative positions per block and a
# new norm after the mean of the patch tokens.
_base_ = "../../conmim/downstream/ft_vit-tiny_toy.py"
