# mmdet's 1x schedule of Mask R-CNN on ResNet-50: SGD, 12 epochs, lr x 0.1 after epochs 8 and 11.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=500),
    dict(type="MultiStepLR", milestones=[8, 11], gamma=0.1, by_epoch=True, begin=0, end=12),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=12, val_interval=1)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# The lr is absolute, for 16 images per update (8 GPUs x 2).
auto_scale_lr = dict(enable=False, base_batch_size=16, recipe_batch_size=16)
