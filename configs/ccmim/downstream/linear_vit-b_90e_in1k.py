# ImageNet linear probe "as MAE" on the mean of the patch tokens: 6.4 at batch 16384 (32 processes x 512).
# MAE's own protocol reads the class token: backbone.out_type="cls", backbone.final_norm=True, head.norm="bn".
# The mean after the pre-trained final norm: backbone.final_norm=True, head.norm="bn".
_base_ = "../../_base_/recipes/linear_vit-b_90e_in1k.py"
recipe = dict(toy="probe")
