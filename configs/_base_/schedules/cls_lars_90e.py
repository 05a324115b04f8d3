# Linear probing of MAE: LARS without weight decay, 10 epochs of warm-up, half a cosine to 0 at batch 16384.
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    dtype="bfloat16",
    optimizer=dict(type="mmmim.LARS", lr=0.1, momentum=0.9, weight_decay=0.0, trust_coefficient=0.001),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=10, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, T_max=80, begin=10, end=90, convert_to_iter_based=True),
]
train_cfg = dict(type="EpochTrainLoop", max_epochs=90, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
val_evaluator = dict(type="mmmim.Accuracy", topk=(1, 5))
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=16384)
