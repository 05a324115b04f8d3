# Task (b): the reduced image at a random place, its mirror images around it.
_base_ = "../_base_/recipes/beyond_masking_300e.py"
recipe = dict(toy="beyond_masking/vit-tiny_zoomed-out_toy.py")

model = dict(masker=None, degradation=dict(type="ZoomOut", size=160), head=dict(scope="all"))
