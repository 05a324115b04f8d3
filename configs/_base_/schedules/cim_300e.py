# CIM, Table 13: ConMIM's optimizer and shape of schedule with another lr, 300 epochs.
_base_ = ["conmim_800e.py"]

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))  # for 2048 images
train_cfg = dict(max_epochs=300)
