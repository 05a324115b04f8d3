# MAE on the built-in pictures, about two minutes on two CPU cores.
_base_ = "../_base_/recipes/mae_toy.py"
