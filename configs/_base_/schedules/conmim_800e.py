# ConMIM's schedule (Table 10): 10 epochs of linear warm-up from 0, half a cosine to 1e-5, stepped per iteration.
# All learning rates are for 2048 images.
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    dtype="bfloat16",
    accumulative_counts=1,
    optimizer=dict(type="AdamW", lr=5e-4, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=3.0),
    # Leaves the slow encoder out; relative positions and mask_token decay, cls_token and pos_embed do not.
    constructor="LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0, decay_rel_pos=True, custom_keys=dict(mask_token=dict(decay_mult=1.0))),
)
param_scheduler = dict(
    type="WarmupCosineLR",
    warmup=10,
    warmup_lr=0.0,
    min_lr=1e-5,
    ends_at_peak=True,
    count_from_zero=False,
    begin=0,
    convert_to_iter_based=True,
)
train_cfg = dict(type="EpochTrainLoop", max_epochs=800)
auto_scale_lr = dict(base_batch_size=2048, recipe_batch_size=2048)
