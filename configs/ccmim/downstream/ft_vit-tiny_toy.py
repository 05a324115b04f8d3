# Fine-tuning on the built-in pictures, about a minute on two CPU cores: the recipe of ft_vit-b_100e_in1k.py with
# everything small.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_arch.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/cls_adamw_100e.py",
    "../../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8, freeze_pos=False),
    head=dict(num_classes=8, in_channels=128, norm="ln", init_std=2e-5, label_smoothing=0.1),
)
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
