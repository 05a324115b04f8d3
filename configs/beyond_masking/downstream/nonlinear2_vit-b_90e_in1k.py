# Section 5: two fresh blocks on the frozen encoder.
_base_ = "../../_base_/recipes/nonlinear_vit-b_90e_in1k.py"
recipe = dict(toy="beyond_masking/downstream/nonlinear_vit-tiny_toy.py")
