# iNaturalist 2019, 1010 species.
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_inat19_224.py",
    "../../_base_/schedules/cls_ccmim_360e.py",
    "../../_base_/cls_runtime.py",
]

model = dict(data_preprocessor=dict(batch_augment=dict(num_classes=1010, erasing=0.1)), head=dict(num_classes=1010))
train_dataloader = dict(batch_size=96)
