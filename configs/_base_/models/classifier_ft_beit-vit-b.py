_base_ = ["classifier_ft_vit-b.py"]

# BEiT's ViT: every block has its own table of relative positions, which starts as a copy of the shared one.
model = dict(
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
)
