# Task (m) on the built-in pictures: three quarters of the patches are hidden.
_base_ = "../_base_/recipes/beyond_masking_toy.py"
