# The run behind all ablations.
_base_ = ["vit-b_800e.py"]

param_scheduler = dict(end=300)
train_cfg = dict(max_epochs=300)
