# Non-linear probe: 2 (or 4: model.neck.depth=4) fresh blocks on the tokens of the frozen encoder, class token.
# The idea is Beyond Masking's; recipe not from the paper, which has none. 1e-3 at batch 1024 (8 processes x 128).
_base_ = [
    "../models/classifier_vit-b.py",
    "../datasets/cls_imagenet_224.py",
    "../schedules/cls_adamw_100e.py",
    "../cls_runtime.py",
]
recipe = dict(task="probe")

model = dict(
    backbone=dict(out_type="raw", final_norm=True, frozen_stages=12),
    neck=dict(type="ProbeBlocks", depth=2, pooling="cls"),
    head=dict(init_std=0.01),
)
optim_wrapper = dict(optimizer=dict(lr=2.5e-4), paramwise_cfg=dict(layer_decay_rate=1.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=10, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 1e-3, T_max=80, begin=10, end=90, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=90)
