# Task (b): the reduced image at a random place, its mirror images around it.
_base_ = "../_base_/recipes/beyond_masking_toy.py"

model = dict(masker=None, degradation=dict(type="ZoomOut", size=48), head=dict(scope="all"))
