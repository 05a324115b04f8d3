# Low-shot fine-tuning on a tenth of the built-in training pictures, 13 of each class, under a minute on two CPU cores:
# ten times the epochs of ft_vit-tiny_toy.py, so as many steps' worth of pictures.
_base_ = [
    "../../_base_/models/toy_classifier_vit.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]

model = dict(backbone=dict(freeze_pos=False), head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1))
train_dataloader = dict(batch_size=52, dataset=dict(keep=0.1))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=10, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-3, T_max=70, begin=10, end=80, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=80, val_interval=20)
auto_scale_lr = dict(recipe_batch_size=52)
default_hooks = dict(checkpoint=dict(interval=80))
