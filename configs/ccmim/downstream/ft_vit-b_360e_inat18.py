# iNaturalist 2018, 8142 species: 3e-4 at batch 768 (8 processes x 96); erasing 0.1 as iBOT and DeiT.
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_inat18_224.py",
    "../../_base_/schedules/cls_ccmim_360e.py",
    "../../_base_/cls_runtime.py",
]

model = dict(data_preprocessor=dict(batch_augment=dict(num_classes=8142, erasing=0.1)), head=dict(num_classes=8142))
train_dataloader = dict(batch_size=96)
