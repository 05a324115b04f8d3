# Section 5: four fresh blocks on the frozen encoder.
_base_ = "../../_base_/recipes/nonlinear_vit-b_90e_in1k.py"

model = dict(neck=dict(depth=4))
