# Fine-tuning on 1 % of ImageNet's labels, about 13 images a class: Semi-ViT's recipe for MAE's ViT-B. Base lr 5e-5, so
# 1e-4 at batch 512 (8 processes x 64), without drop path, erasing, mixup and cutmix.
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_lowshot_100e.py",
    "../../_base_/cls_runtime.py",
]

assumed_num_images = 12_811
model = dict(backbone=dict(drop_path_rate=0.0), data_preprocessor=dict(batch_augment=None))
train_dataloader = dict(batch_size=64, dataset=dict(keep=0.01))
optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 1e-4, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
