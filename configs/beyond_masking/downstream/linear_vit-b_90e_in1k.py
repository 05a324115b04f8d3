# MAE's protocol: the class token of the final norm, 6.4 at batch 16384.
_base_ = "../../_base_/recipes/linear_vit-b_90e_in1k.py"
recipe = dict(toy="probe")

model = dict(backbone=dict(out_type="cls", final_norm=True), head=dict(norm="bn"))
