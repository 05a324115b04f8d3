# Task (e): HSV saturation times 0.3.
_base_ = "../_base_/recipes/beyond_masking_toy.py"

model = dict(masker=None, degradation=dict(type="SaturationScale", scale=0.3), head=dict(scope="all"))
