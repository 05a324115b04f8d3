_base_ = "../../ccmim/downstream/knn_vit-b_in1k.py"
