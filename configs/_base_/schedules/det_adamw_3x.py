# SimMIM's COCO schedule: AdamW, lr 6e-5, 36 epochs of batches of 32. The paper leaves open the steps (epochs 27 and 33,
# as the public configs of Swin), the warm-up (1000 iterations) and layer decay (none).
_base_ = "det_adamw_1x.py"
optim_wrapper = dict(optimizer=dict(lr=6e-5), paramwise_cfg=dict(layer_decay_rate=1.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", milestones=[27, 33], gamma=0.1, by_epoch=True, begin=0, end=36),
]
train_cfg = dict(max_epochs=36)
