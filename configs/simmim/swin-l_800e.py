_base_ = ["swin-b_800e.py"]

# Stages 3 and 4 are one window of 12 x 12 and of 6 x 6: a table of 121 rows, not 529.
model = dict(backbone=dict(arch="large", window_size=12))
