# Detection in small, with its runtime; fp32, as CPUs like it.
_base_ = ["det_adamw_1x.py", "../det_runtime.py"]
recipe = dict(scale="toy")
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    constructor="mmmim.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.9),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=20),
    dict(type="MultiStepLR", milestones=[5], gamma=0.1, by_epoch=True, begin=0, end=6),
]
train_cfg = dict(max_epochs=6, val_interval=6)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=6))
auto_scale_lr = dict(base_batch_size=4, recipe_batch_size=4)
