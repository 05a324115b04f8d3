# SimMIM's short schedule: 10 epochs of warm-up, a cosine counted from step 0 (it starts at 0.977 of the peak).
# All learning rates are per 512 images; lr, warmup_lr and min_lr are scaled together.
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    dtype="bfloat16",
    accumulative_counts=1,
    optimizer=dict(type="AdamW", lr=2e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=5.0),  # the official code; the paper is silent
    constructor="LayerDecayOptimWrapperConstructor",
    # The official code means to exempt relative positions and, by a mismatch of prefixes, decays them in pre-training.
    paramwise_cfg=dict(layer_decay_rate=1.0, decay_rel_pos=True),
)
param_scheduler = dict(
    type="WarmupCosineLR", warmup=10, warmup_lr=1e-6, min_lr=1e-5, begin=0, convert_to_iter_based=True
)
train_cfg = dict(type="EpochTrainLoop", max_epochs=100)
auto_scale_lr = dict(base_batch_size=512, recipe_batch_size=2048)
