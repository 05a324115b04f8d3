# mmseg's schedule of FCN on ResNet-50: SGD, polynomial decay of power 0.9 from 0.01 to 1e-4.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [dict(type="PolyLR", power=0.9, eta_min=1e-4, by_epoch=False, begin=0, end=160000)]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=160000, val_interval=16000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# The lr is absolute, for 16 images per update (8 GPUs x 2).
auto_scale_lr = dict(enable=False, base_batch_size=16, recipe_batch_size=16)
