_base_ = ["simmim_swin-b.py"]

# BEiT's ViT: one table of relative positions for all blocks, no absolute ones, LayerScale 0.1.
model = dict(
    backbone=dict(
        _delete_=True,
        type="BEiTViT",
        arch="base",
        img_size=224,
        patch_size=16,
        rel_pos="shared",
        pos_embed="none",
        layer_scale=0.1,
        drop_path_rate=0.1,
        init="simmim",
    ),
)
