_base_ = ["beit_800e.py"]

train_cfg = dict(max_epochs=300)
