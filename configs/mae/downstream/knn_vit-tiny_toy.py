_base_ = "../../ccmim/downstream/knn_vit-tiny_toy.py"
