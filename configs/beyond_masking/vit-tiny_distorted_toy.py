# Task (c): a fisheye about a random centre.
_base_ = ["vit-tiny_masked_toy.py"]

model = dict(masker=None, degradation=dict(type="Fisheye"), head=dict(scope="all"))
