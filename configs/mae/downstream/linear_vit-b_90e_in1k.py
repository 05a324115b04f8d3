# MAE's own linear probe: the class token after the pre-trained final norm.
_base_ = "../../_base_/recipes/linear_vit-b_90e_in1k.py"
recipe = dict(toy="probe")

model = dict(backbone=dict(out_type="cls", final_norm=True), head=dict(norm="bn"))
