_base_ = "../../ccmim/downstream/linear_vit-tiny_toy.py"
