_base_ = ["classifier_vit-b.py"]

# Swin-B fine-tuned as in classifier_ft_vit-b.py: the mean of the normed tokens, a linear layer as Swin starts it.
model = dict(
    data_preprocessor=dict(
        batch_augment=dict(type="mmmim.ClsBatchAugment", num_classes=1000, mixup=0.8, cutmix=1.0, erasing=0.25)
    ),
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch="base",
        img_size=224,
        window_size=7,
        mask_mode=None,
        out_type="avg",
        drop_path_rate=0.1,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(in_channels=1024, norm=[], init_std=0.02, label_smoothing=0.1),
)
