_base_ = ["classifier_vit-b.py"]

# SwinV2-H fine-tuned as in classifier_ft_swin-b.py: offsets are measured in the windows of pre-training at 192 pixels.
# Drop path 0.1, as in the ablations.
model = dict(
    data_preprocessor=dict(
        batch_augment=dict(type="mmmim.ClsBatchAugment", num_classes=1000, mixup=0.8, cutmix=1.0, erasing=0.25)
    ),
    backbone=dict(
        _delete_=True,
        type="mmmim.SwinV2",
        arch="huge",
        img_size=224,
        window_size=14,
        pretrained_window_sizes=(12, 12, 12, 6),
        mask_mode=None,
        out_type="avg",
        drop_path_rate=0.1,
        with_cp=True,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(in_channels=2816, norm=[], init_std=0.02, label_smoothing=0.1),
)
