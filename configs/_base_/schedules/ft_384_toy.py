# What cls_384.py is to fine-tuning, in small: two epochs at a constant lr, from a fine-tuned classifier.
_base_ = "ft_toy.py"
optim_wrapper = dict(optimizer=dict(lr=4e-4), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = []
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=2))
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True, stage="ft")]
