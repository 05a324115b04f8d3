_base_ = ["classifier_vit-b.py"]

# BEiT's ViT fine-tuned as in classifier_ft_vit-b.py: every block has its own table of relative positions, which starts
# as a copy of the shared one.
model = dict(
    data_preprocessor=dict(
        batch_augment=dict(type="mmmim.ClsBatchAugment", num_classes=1000, mixup=0.8, cutmix=1.0, erasing=0.25)
    ),
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="block",
        pos_embed="none",
        layer_scale=0.1,
        mask_mode=None,
        out_type="avg",
        final_norm=False,
        drop_path_rate=0.1,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1),
)
