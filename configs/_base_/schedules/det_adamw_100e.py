# ViTDet's COCO schedule: AdamW, lr 1e-4 with layer decay 0.7, weight decay 0.1, 250 iterations to warm up, 100 epochs
# of 64 images, lr x 0.1 after 8/9 and 26/27 of them. fp16.
_base_ = "det_adamw_25e.py"
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, by_epoch=False, begin=0, end=250),
    dict(type="MultiStepLR", milestones=[89, 96], gamma=0.1, by_epoch=True, begin=0, end=100),
]
train_cfg = dict(max_epochs=100, val_interval=5)
