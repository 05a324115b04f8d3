# MAE's pre-training schedule: AdamW, linear warm-up over 40 epochs, half a cosine to 0, both stepped per iteration.
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    dtype="bfloat16",
    accumulative_counts=1,
    # lr per 256 images; fused, so that an update with a non-finite gradient is skipped on the device
    optimizer=dict(type="AdamW", lr=1.5e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.05, fused=True),
    # no decay for 1-D tensors; cls_token and mask_token keep theirs
    paramwise_cfg=dict(flat_decay_mult=0.0, bias_decay_mult=0.0, norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=40, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=760, begin=40, end=800, convert_to_iter_based=True),
]
train_cfg = dict(type="EpochTrainLoop", max_epochs=800)
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=1024)
