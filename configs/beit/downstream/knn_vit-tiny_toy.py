_base_ = "../../conmim/downstream/knn_vit-tiny_toy.py"
