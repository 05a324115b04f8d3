# ConMIM's COCO schedule (paper Table 13), that of "Benchmarking Detection Transfer Learning with Vision Transformers":
# AdamW with weight decay 0.1, no layer decay, 25 epochs, a quarter of one to warm up, cosine to 0. fp16.
optim_wrapper = dict(
    type="AmpOptimWrapper",
    loss_scale="dynamic",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.999), weight_decay=0.1),
    constructor="mmmim.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0),
)
param_scheduler = [
    dict(
        type="mmmim.WarmupCosineLR",
        warmup=0.25,
        warmup_lr=1e-7,
        by_epoch=True,
        begin=0,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=25, val_interval=1)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# The lr is absolute, for 64 images per update (32 GPUs x 2).
auto_scale_lr = dict(enable=False, base_batch_size=64, recipe_batch_size=64)
