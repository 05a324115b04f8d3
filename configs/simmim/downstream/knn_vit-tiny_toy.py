# The toy of SimMIM has no absolute positions.
_base_ = "../../conmim/downstream/knn_vit-tiny_toy.py"

model = dict(backbone=dict(pos_embed="none"))
