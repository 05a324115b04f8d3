_base_ = "../_base_/recipes/mae_vit-b_800e.py"
recipe = dict(toy="mae/vit-tiny_toy.py")

model = dict(backbone=dict(arch="large"))
