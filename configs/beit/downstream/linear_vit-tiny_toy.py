# Linear probe on the built-in pictures, under a minute on two CPU cores: the mean patch token of the frozen encoder.
_base_ = "../../conmim/downstream/linear_vit-tiny_toy.py"
