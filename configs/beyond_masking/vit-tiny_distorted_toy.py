# Task (c): a fisheye about a random centre.
_base_ = "../_base_/recipes/beyond_masking_toy.py"

model = dict(masker=None, degradation=dict(type="Fisheye"), head=dict(scope="all"))
