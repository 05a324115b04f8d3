_base_ = "../../beit/downstream/knn_vit-b_in1k.py"
