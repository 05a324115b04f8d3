_base_ = ["beit_800e.py"]

param_scheduler = dict(end=300)
train_cfg = dict(max_epochs=300)
