# Linear probe on the built-in pictures, about a minute on two CPU cores: the frozen encoder's mean token, normed over
# the batch.
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/models/toy_swin.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/cls_lars_90e.py",
    "../../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch=_base_.toy_swin,
        img_size=64,
        patch_size=2,
        window_size=4,
        mask_mode=None,
        out_type="avg",
        frozen_stages=3,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=128, norm="bn", init_std=0.01),
)
# as in ccMIM's toy probe, picked on this data: LARS has 160 steps here, not the recipe's 7,000
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
