# Cells of one patch: 147 of 196 patches are hidden.
_base_ = ["vit-b_300e.py"]

model = dict(backbone=dict(arch="small", drop_path_rate=0.1), masker=dict(cell_size=16))
