# Fine-tuning in small, with its runtime; fp32, as CPUs like it.
_base_ = ["cls_adamw_100e.py", "../default_runtime.py"]
recipe = dict(task="finetune", scale="toy")
optim_wrapper = dict(dtype="float32", optimizer=dict(lr=4e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-3, T_max=7, begin=1, end=8, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=8, val_interval=4)
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
auto_scale_lr = dict(recipe_batch_size=64)
default_hooks = dict(logger=dict(interval=8), checkpoint=dict(interval=8))
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
