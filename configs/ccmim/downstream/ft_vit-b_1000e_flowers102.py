# Oxford Flowers-102: trained on train and val, 2,040 images; 3e-4 at batch 768 (8 processes x 96), our reading.
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_flowers102_224.py",
    "../../_base_/schedules/cls_ccmim_1000e.py",
    "../../_base_/cls_runtime.py",
]

model = dict(data_preprocessor=dict(batch_augment=dict(num_classes=102)), head=dict(num_classes=102))
train_dataloader = dict(batch_size=96)
