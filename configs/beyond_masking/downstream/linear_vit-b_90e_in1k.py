# MAE's protocol: the class token of the final norm, 6.4 at batch 16384.
_base_ = "../../mae/downstream/linear_vit-b_90e_in1k.py"
