_base_ = "../../mae/downstream/nonlinear_vit-tiny_toy.py"
