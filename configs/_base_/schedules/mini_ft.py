# Fine-tuning in small on all labels, with its runtime: 2,000 of each class of CIFAR-10.
_base_ = ["cls_adamw_100e.py", "../default_runtime.py"]
recipe = dict(task="finetune")

param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-3, T_max=8, begin=2, end=10, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=10, val_interval=5)
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
auto_scale_lr = dict(recipe_batch_size=128)
default_hooks = dict(checkpoint=dict(interval=10))
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
