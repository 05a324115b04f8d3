_base_ = ["vit-b_revdet_300e.py"]

model = dict(backbone=dict(arch="small"))
