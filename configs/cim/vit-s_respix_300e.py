_base_ = ["vit-b_respix_300e.py"]

model = dict(backbone=dict(arch="small"))
