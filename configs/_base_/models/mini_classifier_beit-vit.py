# The same with BEiT's ViT, the mean of the patch tokens without the final norm.
_base_ = ["classifier_vit-b.py", "mini_arch.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch=_base_.mini_arch,
        img_size=32,
        patch_size=4,
        rel_pos="block",
        pos_embed="sincos",
        init="timm",  # for training from random weights
        mask_mode=None,
        out_type="avg",
        final_norm=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=10, in_channels=192),
)
