# CAE's Mask R-CNN schedule (its public detection configs), which ccMIM and Beyond Masking compare on: AdamW, 12 epochs,
# lr x 0.1 after epochs 9 and 11, linear warm-up over 500 iterations from a factor of 1e-3, fp16, no gradient clipping.
optim_wrapper = dict(
    type="AmpOptimWrapper",
    loss_scale="dynamic",
    optimizer=dict(type="AdamW", lr=3e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor="mmmim.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.75),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=500),
    dict(type="MultiStepLR", milestones=[9, 11], gamma=0.1, by_epoch=True, begin=0, end=12),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=12, val_interval=1)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# The lr is absolute, for 32 images per update (16 GPUs x 2).
auto_scale_lr = dict(enable=False, base_batch_size=32, recipe_batch_size=32)
