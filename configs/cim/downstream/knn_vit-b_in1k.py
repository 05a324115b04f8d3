_base_ = "../../beit/downstream/knn_vit-b_in1k.py"

model = dict(backbone=dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv"))
