# Task (a): the centre, enlarged to the whole image; the whole image is recovered.
_base_ = "../_base_/recipes/beyond_masking_300e.py"
recipe = dict(toy="beyond_masking/vit-tiny_zoomed-in_toy.py")

model = dict(masker=None, degradation=dict(type="ZoomIn", size=160), head=dict(scope="all"))
