# BEiT's ADE20K schedule (its public segmentation configs), which MAE, CAE and ccMIM follow:
# AdamW, linear warm-up over 1500 iterations from a factor of 1e-6, then linear decay to 0, no gradient clipping.
optim_wrapper = dict(
    type="AmpOptimWrapper",
    loss_scale="dynamic",
    optimizer=dict(type="AdamW", lr=3e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor="mmmim.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.65),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type="PolyLR", power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=160000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=160000, val_interval=16000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# The lr is absolute, for 16 images per update (8 GPUs x 2).
auto_scale_lr = dict(enable=False, base_batch_size=16, recipe_batch_size=16)
