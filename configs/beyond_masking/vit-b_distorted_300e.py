# Task (c): a fisheye about a random centre.
_base_ = "../_base_/recipes/beyond_masking_300e.py"
recipe = dict(toy="beyond_masking/vit-tiny_distorted_toy.py")

model = dict(masker=None, degradation=dict(type="Fisheye", twist=(0.20, 0.25)), head=dict(scope="all"))
