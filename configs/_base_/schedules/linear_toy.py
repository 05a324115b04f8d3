# Linear probe in small, with its runtime; fp32, as CPUs like it.
_base_ = ["cls_lars_90e.py", "../default_runtime.py"]
recipe = dict(task="probe", scale="toy")
# absolute, four times the recipe's 6.4, picked by a sweep on this data: LARS has 160 steps here, not the recipe's 7,000
optim_wrapper = dict(dtype="float32", optimizer=dict(lr=25.6))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=9, begin=1, end=10, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=10, val_interval=5)
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, recipe_batch_size=64)
default_hooks = dict(logger=dict(interval=16), checkpoint=dict(interval=10))
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
