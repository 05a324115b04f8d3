# The paper gives no recipe for ViT-L: MAE's, with the class token.
_base_ = "../../mae/downstream/ft_vit-l_50e_in1k.py"

model = dict(backbone=dict(out_type="cls", final_norm=True), head=dict(norm=[]))
