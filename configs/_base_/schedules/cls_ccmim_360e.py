# ccMIM on iNaturalist: 360 epochs with lr 3e-4 (paper). Batch 768 and 5 epochs of warm-up are DeiT's and iBOT's, whom
# it follows; layer decay 0.75 and reading 3e-4 as absolute are ours.
_base_ = "cls_adamw_100e.py"

optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 3e-4, T_max=355, begin=5, end=360, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=360)
auto_scale_lr = dict(base_batch_size=768, recipe_batch_size=768)
