# Task (a): the centre, enlarged to the whole image; the whole image is recovered.
_base_ = "../_base_/recipes/beyond_masking_mini.py"

model = dict(masker=None, degradation=dict(type="ZoomIn", size=20), head=dict(scope="all"))
