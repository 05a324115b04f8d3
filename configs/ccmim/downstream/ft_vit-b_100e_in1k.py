# ImageNet fine-tuning "as MAE": lr 1e-3 read as MAE's base lr, 4e-3 at batch 1024 (32 processes x 32).
_base_ = [
    "../../_base_/models/classifier_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_adamw_100e.py",
    "../../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(drop_path_rate=0.1, freeze_pos=False),
    head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1),
    data_preprocessor=dict(
        batch_augment=dict(type="mmmim.ClsBatchAugment", num_classes=1000, mixup=0.8, cutmix=1.0, erasing=0.25)
    ),
)
train_dataloader = dict(batch_size=32)
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
