_base_ = ["vit-l_800e.py"]

param_scheduler = dict(end=1600)
train_cfg = dict(max_epochs=1600)
