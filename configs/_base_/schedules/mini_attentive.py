# An attentive probe in small: one learned query attends to the frozen features.
_base_ = "mini_ft.py"
recipe = dict(task="probe")

optim_wrapper = dict(optimizer=dict(lr=4e-3), paramwise_cfg=dict(layer_decay_rate=1.0))
