# The same with BEiT's ViT, the mean of the patch tokens without the final norm.
_base_ = ["classifier_vit-b.py", "toy_arch.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch=_base_.toy_arch,
        img_size=64,
        patch_size=8,
        mask_mode=None,
        out_type="avg",
        final_norm=False,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    head=dict(num_classes=8, in_channels=128),
)
