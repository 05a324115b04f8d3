# Linear probe on the built-in pictures, under a minute on two CPU cores: the frozen slow encoder, its shared table of
# relative positions as it is, and the mean of the patch tokens.
_base_ = ["../../ccmim/downstream/linear_vit-tiny_toy.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch=_base_.toy_arch,
        img_size=64,
        patch_size=8,
        pos_embed="sincos",
        mask_mode=None,
        out_type="avg",
        final_norm=False,
        frozen_stages=6,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
)
