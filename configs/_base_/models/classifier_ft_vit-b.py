_base_ = ["classifier_vit-b.py"]

# Fine-tuning as BEiT, MAE and those after them do it: erasing, mixup or cutmix on the batch, smoothed soft targets.
# RandAugment is the dataset's. Head: a new norm after the mean, weights near zero (2e-5; BEiT: 0.001 times 0.02).
model = dict(
    data_preprocessor=dict(
        batch_augment=dict(type="mmmim.ClsBatchAugment", num_classes=1000, mixup=0.8, cutmix=1.0, erasing=0.25)
    ),
    backbone=dict(drop_path_rate=0.1, freeze_pos=False),
    head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1),
)
