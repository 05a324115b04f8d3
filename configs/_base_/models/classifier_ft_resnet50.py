_base_ = ["classifier_vit-b.py"]

# ResNet-50 fine-tuned as in classifier_ft_vit-b.py: the mean cell, a linear layer.
model = dict(
    data_preprocessor=dict(
        batch_augment=dict(type="mmmim.ClsBatchAugment", num_classes=1000, mixup=0.8, cutmix=1.0, erasing=0.25)
    ),
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=50,
        img_size=224,
        mask_mode=None,
        out_type="avg",
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(in_channels=2048, norm=[], init_std=0.01, label_smoothing=0.1),
)
