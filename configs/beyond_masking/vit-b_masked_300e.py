# Task (m), masked: three quarters of the patches are hidden. MAE with this paper's decoder, target and schedule.
_base_ = "../_base_/recipes/beyond_masking_300e.py"
recipe = dict(toy="beyond_masking/vit-tiny_masked_toy.py")
