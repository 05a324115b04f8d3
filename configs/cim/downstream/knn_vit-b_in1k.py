# k-NN with tools/knn.py: mean of the patch tokens after the final norm.
# Resize 256, crop 224.
_base_ = "../../_base_/recipes/linear_beit-vit-b_100e_in1k.py"
recipe = dict(task="knn", toy="knn")

model = dict(
    backbone=dict(
        rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", out_indices=[11], final_norm=True
    )
)
