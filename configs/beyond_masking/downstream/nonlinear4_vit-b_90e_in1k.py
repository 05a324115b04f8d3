# Section 5: four fresh blocks.
_base_ = "nonlinear2_vit-b_90e_in1k.py"

model = dict(neck=dict(depth=4))
