_base_ = "../_base_/recipes/mae_vit-b_800e.py"

model = dict(backbone=dict(arch="huge", patch_size=14))
