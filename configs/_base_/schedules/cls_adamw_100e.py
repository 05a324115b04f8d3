# Fine-tuning of MAE: AdamW with layer decay, 5 epochs of warm-up, half a cosine to 1e-6 at batch 1024.
# Base lr 1e-3 and decay 0.75 are the MAE paper's (Table 9); its repository has 5e-4 and 0.65 for normalised pixels.
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    dtype="bfloat16",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05, fused=True),
    constructor="mmmim.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.75),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    # a ratio, so that every layer ends at the same fraction of its own peak
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 4e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
train_cfg = dict(type="EpochTrainLoop", max_epochs=100, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
val_evaluator = dict(type="mmmim.Accuracy", topk=(1, 5))
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=1024)
